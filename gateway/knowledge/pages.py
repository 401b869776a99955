"""HTML as blocks: what a reader of the page sees, under its headings."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

from gateway.knowledge.blocks import Block, Trail
from gateway.knowledge.plain import decoded

UNSEEN_TAGS = "script style template noscript svg math iframe object title select"
VOID_TAGS = "area base br col embed hr img input link meta source track wbr"
# Whose end a page may leave out, so that nobody knows what is within them.
OPEN_TAGS = "body dd dt html li option p tbody td tfoot th thead tr"
BREAK_TAGS = (
    "address article aside blockquote body dd details div dl dt figcaption figure footer form"
    " header hr li main nav ol p pre section summary table tbody tfoot thead tr ul"
)
UNSEEN = frozenset(UNSEEN_TAGS.split())
NOT_NESTED = frozenset(VOID_TAGS.split()) | frozenset(OPEN_TAGS.split())
BREAKS = frozenset(BREAK_TAGS.split())
HEADINGS = {f"h{level}": level for level in range(1, 7)}
DEEPEST = 10_000  # elements within hidden ones that are counted


class _Reader(HTMLParser):
    """Gathers blocks; never fails, whatever the page looks like."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._trail = Trail()
        self._words: list[str] = []
        self._begins = 1
        self._heading = 0
        self._unseen: list[str] = []  # elements that hide what is in them

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        style = (given.get("style") or "").replace(" ", "").lower()
        hidden = "hidden" in given or "display:none" in style or "visibility:hidden" in style
        if self._unseen or tag in UNSEEN or (hidden and tag not in NOT_NESTED):
            if tag not in NOT_NESTED and len(self._unseen) < DEEPEST:
                self._unseen.append(tag)
            return
        if tag in HEADINGS:
            self.flush()
            self._heading = HEADINGS[tag]
        elif tag in BREAKS:
            self.flush()
        elif tag in ("td", "th") and self._words:
            self._words.append(" | ")
        elif tag == "br":
            self._words.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            if tag in self._unseen:  # what was not closed within it ends with it
                while self._unseen.pop() != tag:
                    pass
        elif tag in HEADINGS or tag in BREAKS:
            self.flush()

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            if not self._words:
                self._begins = self.getpos()[0] + data[: len(data) - len(data.lstrip())].count("\n")
            self._words.append(data)

    def flush(self) -> None:
        """What was gathered is a heading or a block."""
        text = " ".join("".join(self._words).split()).strip("| ")
        self._words = []
        if self._heading:
            if text:
                self._trail.enter(self._heading, text)
            self._heading = 0
        elif text:
            self.blocks.append(Block(text, str(self._trail), f"line {self._begins}"))


def html_blocks(data: bytes) -> Iterator[Block]:
    """What is seen of the page, in order."""
    reader = _Reader()
    reader.feed(decoded(data))
    reader.close()
    reader.flush()
    yield from reader.blocks
