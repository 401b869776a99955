"""Plain text, Markdown and CSV as blocks."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator

from gateway.knowledge.blocks import Block, DocumentError, Trail

HEADING = re.compile(r"(#{1,6})\s+(.+?)\s*#*\s*")
OWN_LINE = re.compile(r"(?:[-*+|>]|\d+[.)])\s*\S")  # of a list or a table: stays a line of its own
RULE = re.compile(r"[\s|:=_*-]+")
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
NOT_TEXT = re.compile("[\0-\x08\x0e-\x1a\x1c-\x1f]")
FIELD = 200_000  # characters of one field of a table


def decoded(data: bytes) -> str:
    """The text, by its byte order mark, as UTF-8, as UTF-16, or as Western Windows wrote it."""
    named = next((name for bom, name in BOMS if data.startswith(bom)), "")
    wide = "utf-16-le" if data[1:200:2].count(0) > len(data[1:200:2]) * 0.6 else ""
    wide = wide or ("utf-16-be" if data[:200:2].count(0) > len(data[:200:2]) * 0.6 else "")
    for encoding in (named, wide, "utf-8", "cp1252"):
        if not encoding:
            continue
        try:
            text = data.decode(encoding)
        except UnicodeError:
            continue
        if len(NOT_TEXT.findall(text)) <= len(text) // 1000:
            return NOT_TEXT.sub("", text)
    raise DocumentError("it is no text, or in an encoding that is not known; save it as UTF-8")


def text_blocks(data: bytes, *, markdown: bool) -> Iterator[Block]:
    """Runs of lines that no empty line divides, under the headings where there are any."""
    trail = Trail()
    for number, text in _paragraphs(decoded(data), markdown=markdown):
        if markdown and (heading := HEADING.fullmatch(text)):
            trail.enter(len(heading[1]), heading[2])
        else:
            yield Block(text, str(trail), f"line {number}")


def _paragraphs(text: str, *, markdown: bool) -> Iterator[tuple[int, str]]:
    """Each with the number of its first line."""
    kept, begins = "", 1
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        line = line.strip()
        heading = markdown and HEADING.fullmatch(line)
        if kept and (not line or heading):
            yield begins, kept
            kept = ""
        if heading:
            yield number, line
        elif line and not RULE.fullmatch(line):
            begins = begins if kept else number
            kept += ("\n" if OWN_LINE.match(line) else " ") + line if kept else line


def csv_blocks(data: bytes) -> Iterator[Block]:
    """Each row by itself, with the names of its columns."""
    text = decoded(data)
    csv.field_size_limit(FIELD)
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text[:10_000], ",;\t|")
    except csv.Error:
        dialect = csv.excel
    names: list[str] = []
    rows = csv.reader(io.StringIO(text, newline=""), dialect)
    try:
        for row in rows:
            cells = [" ".join(cell.split()) for cell in row]
            if not any(cells):
                continue
            if not names:
                names = cells
                continue
            told = (
                f"{names[at]}: {cell}" if at < len(names) and names[at] else cell
                for at, cell in enumerate(cells)
                if cell
            )
            yield Block("; ".join(told), place=f"row {rows.line_num}", whole=True)
    except csv.Error as error:
        raise DocumentError(f"row {rows.line_num} is none of a table: {error}") from error
