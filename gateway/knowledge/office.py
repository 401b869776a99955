"""Word documents (.docx) as blocks. Reads OOXML: ECMA-376 part 1, WordprocessingML."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO
from xml.parsers import expat

from gateway.knowledge.blocks import Block, DocumentError, Trail

LARGEST_PART = 64 * 1024 * 1024  # bytes of a part, unpacked
PIECE = 64 * 1024
DEEPEST = 500  # elements within each other
PARTS = {"styles": "word/styles.xml", "text": "word/document.xml"}
LEVEL = re.compile(r"(?:heading|überschrift|titre|título|kop)\s*([1-9])", re.IGNORECASE)
BROKEN = "it is no Word document, or it is damaged; open it in Word and save it again as .docx"

Attributes = dict[str, str]


def docx_blocks(data: bytes) -> Iterator[Block]:
    """Paragraphs and the rows of tables, under their headings. Raises DocumentError."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            levels = _levels(packed)
            reader = _Text(levels)
            _read(packed, PARTS["text"], reader.begin, reader.end, reader.words)
    except (zipfile.BadZipFile, zlib.error, expat.ExpatError, KeyError, EOFError) as error:
        raise DocumentError(BROKEN) from error
    except (NotImplementedError, RuntimeError) as error:
        raise DocumentError("it is encrypted, or packed in a way that is not known") from error
    yield from reader.blocks


def _read(
    packed: zipfile.ZipFile,
    name: str,
    begin: Callable[[str, Attributes], None],
    end: Callable[[str], None],
    words: Callable[[str], None],
) -> None:
    """Have a part's elements told. What it claims to unpack to is not believed, but counted."""
    parser = expat.ParserCreate(namespace_separator=" ")
    depth = 0

    def started(tag: str, attributes: Attributes) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise DocumentError(f"its elements lie more than {DEEPEST} deep within each other")
        begin(tag.rpartition(" ")[2], {k.rpartition(" ")[2]: v for k, v in attributes.items()})

    def ended(tag: str) -> None:
        nonlocal depth
        depth -= 1
        end(tag.rpartition(" ")[2])

    def declared(*what: object) -> None:
        raise DocumentError("it declares a document type, which no Word document does")

    parser.StartElementHandler, parser.EndElementHandler = started, ended
    parser.CharacterDataHandler = words
    parser.StartDoctypeDeclHandler = declared
    with packed.open(name) as part:
        for piece in _pieces(part):
            parser.Parse(piece, False)
    parser.Parse(b"", True)


def _pieces(part: IO[bytes]) -> Iterator[bytes]:
    left = LARGEST_PART
    while piece := part.read(PIECE):
        left -= len(piece)
        if left < 0:
            raise DocumentError(f"it unpacks to more than {LARGEST_PART >> 20} MB")
        yield piece


def _levels(packed: zipfile.ZipFile) -> dict[str, int]:
    """Which styles are headings, and of which level."""
    levels: dict[str, int] = {}
    style = ""

    def begin(tag: str, given: Attributes) -> None:
        nonlocal style
        if tag == "style":
            style = given.get("styleId", "")
        elif tag == "name" and style and (found := LEVEL.search(given.get("val", ""))):
            levels[style] = int(found[1])
        elif tag == "name" and style and given.get("val", "").lower() == "title":
            levels[style] = 1
        elif tag == "outlineLvl" and style and given.get("val", "").isdigit():
            levels.setdefault(style, min(int(given["val"]) + 1, 9))

    if PARTS["styles"] in packed.namelist():
        _read(packed, PARTS["styles"], begin, lambda tag: None, lambda words: None)
    return levels


class _Text:
    """Gathers blocks from the elements of the document."""

    def __init__(self, levels: dict[str, int]) -> None:
        self.blocks: list[Block] = []
        self._levels = levels
        self._trail = Trail()
        self._words: list[str] = []
        self._cells: list[str] | None = None  # of the row that is open
        self._rows = 0  # open, one within the other
        self._level = 0
        self._heard = False  # within a run's text
        self._number = 0

    def begin(self, tag: str, given: Attributes) -> None:
        if tag == "t":
            self._heard = True
        elif tag in ("tab", "br", "cr"):
            self._words.append(" ")
        elif tag == "p":
            self._words, self._level = [], 0
        elif tag == "pStyle":
            self._level = self._levels.get(given.get("val", ""), 0)
        elif tag == "tr":
            self._rows += 1
            self._cells = self._cells if self._cells is not None else []

    def words(self, text: str) -> None:
        if self._heard:
            self._words.append(text)

    def end(self, tag: str) -> None:
        if tag == "t":
            self._heard = False
        elif tag == "p":
            self._paragraph(" ".join("".join(self._words).split()))
            self._words = []
        elif tag == "tr":
            self._rows -= 1
            if not self._rows and self._cells is not None:
                self._put(" | ".join(self._cells))
                self._cells = None

    def _paragraph(self, text: str) -> None:
        self._number += 1
        if not text:
            return
        if self._cells is not None:
            self._cells.append(text)
        elif self._level:
            self._trail.enter(self._level, text)
        else:
            self._put(text)

    def _put(self, text: str) -> None:
        if text:
            self.blocks.append(Block(text, str(self._trail), f"paragraph {self._number}"))
