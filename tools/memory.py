"""What callers have asked to be remembered, from one call to the next: notes in a SQLite file."""

from __future__ import annotations

import ipaddress
import re
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from tools.context import ToolContext, ToolError
from tools.spec import Tool, tool

MOST = 200  # notes of one caller; the oldest goes for a new one
TOLD = 20  # notes in one answer
UNKNOWN = "Nobody knows who is calling, so that nothing can be kept for another call."
TABLE = """
create table if not exists notes (
    caller text not null, topic text not null, note text not null, at real not null,
    primary key (caller, topic)
)
"""


class Note(BaseModel):
    """Something remembered."""

    topic: str
    note: str
    day: str  # ISO 8601, on which it was said last


class Memory:
    """The notes of all callers; its methods block, and may be called from any thread."""

    def __init__(self, path: str | Path, clock: Callable[[], float] = time.time) -> None:
        """Raises OSError or sqlite3.Error where the file cannot be used."""
        path = Path(path)
        if str(path) != ":memory:":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)  # notes are nobody else's business
        self._clock = clock
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, timeout=5.0)
        with self._database:
            self._database.execute("pragma journal_mode = wal")
            self._database.execute(TABLE)

    def put(self, caller: str, topic: str, note: str) -> None:
        """Keep a note; one of the same caller and topic gives way."""
        drop = (
            "delete from notes where caller = ? and topic not in"
            " (select topic from notes where caller = ? order by at desc limit ?)"
        )
        with self._lock, self._database:
            row = (caller, _plain(topic), note, self._clock())
            self._database.execute("insert or replace into notes values (?, ?, ?, ?)", row)
            self._database.execute(drop, (caller, caller, MOST))

    def find(self, caller: str, about: str = "") -> list[Note]:
        """The caller's notes with any of these words, best first; without words the newest."""
        query = "select topic, note, at from notes where caller = ? order by at desc"
        with self._lock:
            rows = self._database.execute(query, (caller,)).fetchall()
        wanted = set(_words(about))
        if wanted:
            hits = [(len(wanted & set(_words(f"{row[0]} {row[1]}"))), row) for row in rows]
            hits = [hit for hit in hits if hit[0]]
            rows = [row for _, row in sorted(hits, key=lambda hit: -hit[0])]
        return [
            Note(topic=topic, note=note, day=time.strftime("%Y-%m-%d", time.localtime(at)))
            for topic, note, at in rows[:TOLD]
        ]

    def close(self) -> None:
        with self._lock:
            self._database.close()


def memory_tools(memory: Memory) -> tuple[Tool[..., Any], ...]:
    """The tools `remember` and `recall`."""

    @tool(idempotent=True)
    def remember(
        context: ToolContext,
        topic: Annotated[str, Field(min_length=1, max_length=80, description="What it is about.")],
        note: Annotated[str, Field(min_length=1, max_length=500, description="What to keep.")],
    ) -> str:
        """Keep something that the caller wants remembered for this and later calls."""
        memory.put(_caller(context), topic, note)
        return "It is noted."

    @tool(side_effects=False)
    def recall(
        context: ToolContext,
        about: Annotated[
            str, Field(max_length=200, description="In a few words; left out: the latest.")
        ] = "",
    ) -> list[Note] | str:
        """Look up what this caller had remembered, now or in earlier calls."""
        found = memory.find(_caller(context), about)
        return found or "There is nothing noted about that."

    return remember, recall


def _caller(context: ToolContext) -> str:
    """Who calls whom, where that is a person: behind an IP address there may be many."""
    try:
        ipaddress.ip_address(context.caller or "0.0.0.0")
    except ValueError:
        # What one customer of the gateway was told is none of another's business.
        return f"{context.tenant}/{context.caller}" if context.tenant else context.caller
    raise ToolError(UNKNOWN)


def _plain(topic: str) -> str:
    return " ".join(topic.casefold().split())


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"\w+", text.casefold()) if len(word) > 1]
