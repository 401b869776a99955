"""PDF as blocks, page by page, by pypdf."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator

from gateway.knowledge.blocks import Block, DocumentError

MOST_PAGES = 2_000
LONGEST_PAGE = 200_000  # characters
# What pypdf lets through where a file breaks the rules of its format.
BROKEN = (ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError)


def pdf_blocks(data: bytes) -> Iterator[Block]:
    """Paragraphs with their pages. Raises DocumentError."""
    from pypdf import PdfReader
    from pypdf.errors import LimitReachedError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it tells of every oddity
    if b"%PDF-" not in data[:1024]:
        raise DocumentError("it is no PDF; is its name right?")
    try:
        reader = PdfReader(io.BytesIO(data), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise DocumentError("it is locked with a password; save it without one")
        pages = len(reader.pages)
        if pages > MOST_PAGES:
            raise DocumentError(f"it has {pages:,} pages, and {MOST_PAGES:,} are the most")
        found = False
        for number, page in enumerate(reader.pages, start=1):
            text = page.extract_text()
            if len(text) > LONGEST_PAGE:
                raise DocumentError(f"page {number} holds more than {LONGEST_PAGE:,} characters")
            for block in _paragraphs(text, number):
                found = True
                yield block
    except (DocumentError, MemoryError):
        raise
    except LimitReachedError as error:
        raise DocumentError("it unpacks to more than can be read; divide it") from error
    except (*BROKEN, PyPdfError, OSError, RecursionError, TypeError, ValueError) as error:
        said = f"it is damaged ({type(error).__name__}); save it as PDF again"
        raise DocumentError(said) from error
    if not found:
        raise DocumentError("it has no text, only pictures; have its words recognised first (OCR)")


def _paragraphs(text: str, page: int) -> Iterator[Block]:
    for part in re.split(r"\n\s*\n", text):
        joined = re.sub(r"(?<=\w)-\n\s*(?=[a-z])", "", part)  # a word divided at the line's end
        if words := " ".join(joined.split()):
            yield Block(words, place=f"page {page}")
