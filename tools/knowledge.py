"""Retrieval over the operator's documents: text and Markdown in a folder, found by their words."""

from __future__ import annotations

import logging
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from tools.spec import Tool, tool

KINDS = (".txt", ".md", ".markdown")
LONGEST_FILE = 2_000_000  # bytes; a longer one is left out
CHUNK = 900  # characters of a passage, about
FOUND = 4  # passages in one answer
LOOK = 2.0  # seconds between two looks for changed files
HEADING = re.compile(r"(#{1,6})\s+(.+?)\s*#*\s*")
COMMON_WORDS = (  # that say nothing about what is looked for
    "a an and are as at be by can could do does for from has have how i if in is it its me my of on"
    " or our so that the their there they this to was we what when where which who will with would"
    " you your"
)
COMMON = frozenset(COMMON_WORDS.split())
TABLE = """
create virtual table passages using fts5(
    file unindexed, line unindexed, heading, text, tokenize = "porter unicode61 remove_diacritics 2"
)
"""

log = logging.getLogger(__name__)


class Passage(BaseModel):
    """A piece of a document, and where it stands."""

    text: str
    source: str  # file, heading and line: what to cite


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some paragraphs under one heading."""

    line: int
    heading: str
    text: str


class Knowledge:
    """The documents of a folder; its methods block, and may be called from any thread."""

    def __init__(self, folder: str | Path) -> None:
        """Raises NotADirectoryError, and sqlite3.OperationalError where SQLite lacks FTS5."""
        self._folder = Path(folder)
        if not self._folder.is_dir():
            raise NotADirectoryError(f"{folder} is no folder")
        self._lock = threading.Lock()
        self._seen: dict[Path, tuple[int, int]] = {}
        self._looked = -LOOK
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.execute(TABLE)
        self._renew()

    @property
    def files(self) -> int:
        """How many documents there are."""
        return len(self._seen)

    def search(self, question: str, limit: int = FOUND) -> list[Passage]:
        """The passages that fit best: those with all of the words before those with some."""
        with self._lock:
            self._renew()
            wanted = _terms(question)
            if not wanted:
                return []
            for operator in (" AND ", " OR "):
                rows = self._match(operator.join(f'"{word}"' for word in wanted), limit)
                if rows:
                    return [_passage(*row) for row in rows]
            starts = [f'"{word[:-1]}"*' for word in wanted if len(word) > 4]
            return [_passage(*row) for row in self._match(" OR ".join(starts), limit)]

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _match(self, query: str, limit: int) -> list[tuple[str, int, str, str]]:
        if not query:
            return []
        # A word in a heading counts three times as much as one below it.
        return self._database.execute(
            "select file, line, heading, text from passages where passages match ?"
            " order by bm25(passages, 0, 0, 3.0, 1.0), file, line limit ?",
            (query, limit),
        ).fetchall()

    def _renew(self) -> None:
        """Read again what has changed since the last look, and let go of what is gone."""
        now = time.monotonic()
        if now - self._looked < LOOK:
            return
        self._looked = now
        there = dict(_files(self._folder))
        with self._database:
            for path in self._seen.keys() - there.keys():
                self._drop(path)
            for path, stamp in there.items():
                if self._seen.get(path) != stamp:
                    self._drop(path)
                    self._take(path)
        self._seen = there

    def _drop(self, path: Path) -> None:
        self._database.execute("delete from passages where file = ?", (self._name(path),))

    def _take(self, path: Path) -> None:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            log.warning("a document is left out", extra={"file": str(path), "error": str(error)})
            return
        rows = [(self._name(path), one.line, one.heading, one.text) for one in chunks(text)]
        self._database.executemany("insert into passages values (?, ?, ?, ?)", rows)

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()


def knowledge_tools(knowledge: Knowledge) -> tuple[Tool[..., Any], ...]:
    """The tool `search_knowledge`."""

    @tool(side_effects=False)
    def search_knowledge(
        question: Annotated[
            str,
            Field(min_length=1, max_length=400, description="What to look for, in a few words."),
        ],
    ) -> list[Passage] | str:
        """Search the operator's documents, such as terms, prices and manuals; name the source."""
        return knowledge.search(question) or "The documents say nothing about that."

    return (search_knowledge,)


def chunks(text: str) -> Iterator[Chunk]:
    """Passages of some paragraphs each, never across a heading; long paragraphs are divided."""
    trail: list[str] = []
    kept: list[str] = []
    begins = 1

    def flush() -> Iterator[Chunk]:
        if kept:
            yield Chunk(begins, " > ".join(filter(None, trail)), "\n".join(kept))
            kept.clear()

    for line, paragraph in _paragraphs(text):
        if heading := HEADING.fullmatch(paragraph):
            yield from flush()
            level = len(heading[1])
            trail = [*trail[: level - 1], *[""] * (level - 1 - len(trail)), heading[2]]
            continue
        for piece in _pieces(paragraph):
            if kept and sum(map(len, kept)) + len(piece) > CHUNK:
                yield from flush()
            if not kept:
                begins = line
            kept.append(piece)
    yield from flush()


def _paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """Runs of lines that no empty line divides, each with the number of its first."""
    kept: list[str] = []
    begins = 1
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        line = line.strip()
        if kept and (not line or HEADING.fullmatch(line)):
            yield begins, " ".join(kept)
            kept = []
        if HEADING.fullmatch(line):
            yield number, line
        elif line:
            begins = begins if kept else number
            kept.append(line)


def _pieces(paragraph: str) -> Iterator[str]:
    """Sentences put together up to the length of a passage; what has no sentences, by length."""
    piece = ""
    for sentence in re.split(r"(?<=[.!?])\s+", paragraph):
        if piece and len(piece) + len(sentence) > CHUNK:
            yield piece
            piece = ""
        piece = f"{piece} {sentence}".strip()
        while len(piece) > 2 * CHUNK:
            yield piece[:CHUNK]
            piece = piece[CHUNK:]
    if piece:
        yield piece


def _files(folder: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in KINDS or any(
            part.startswith(".") for part in path.relative_to(folder).parts
        ):
            continue
        try:
            facts = path.stat()
        except OSError:
            continue
        if path.is_file() and facts.st_size <= LONGEST_FILE:
            yield path, (facts.st_mtime_ns, facts.st_size)


def _terms(question: str) -> list[str]:
    words = dict.fromkeys(re.findall(r"\w+", question.casefold()))
    return [word for word in words if word not in COMMON] or list(words)


def _passage(file: str, line: int, heading: str, text: str) -> Passage:
    where = f"{file}, {heading}" if heading else file
    return Passage(text=text, source=f"{where}, line {line}")
