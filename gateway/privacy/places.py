"""Places: everything on disk, in the database and in Redis that holds something of callers."""

from __future__ import annotations

import fcntl
import glob
import os
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from audio.container import HEADER, with_length
from gateway.budgets.accounts import named
from gateway.privacy.aside import aside
from gateway.privacy.holders import Holder, Kept, Whose
from gateway.privacy.vault import LOCKED, NO_KEYS, Keys, read
from gateway.settings import Settings
from gateway.sharing.redis import open_redis

if TYPE_CHECKING:
    from gateway.store.database import Database

NOTHING: tuple[Kept, ...] = ()
CALL = "call_"  # how the names of calls begin; other files are not ours


def holders(settings: Settings, database: Database) -> list[Holder]:
    """All that hold something, each in its place; a new one is added to this list."""
    return [
        Rows(database),
        *folders(settings),
        Spills(Path(settings.store.spill)),
        *([Shared(settings)] if settings.store.redis else []),
    ]


def folders(settings: Settings) -> list[Folder]:
    """Where there are files of each call."""
    taps, keys = settings.taps, settings.privacy.lock()
    named = {"recordings": taps.recording, "transcripts": taps.transcripts}
    named["journals"] = taps.journal
    return [Folder(name, Path(folder), keys) for name, folder in named.items() if folder]


@dataclass(frozen=True, slots=True)
class Rows:
    """The tables of the books."""

    database: Database
    name: str = "books"

    async def forget(self, whose: Whose) -> int:
        """Take out the rows."""
        from gateway.store.erasing import Erasing

        erasing = Erasing(self.database)
        count = await erasing.erase_calls(whose.calls)
        if whose.caller:
            count += await erasing.erase_caller(whose.tenant, whose.caller)
        return count

    async def export(self, whose: Whose) -> AsyncIterator[Kept]:
        """Each call as JSON with its turns, tools and tokens, and what was remembered."""
        from gateway.store.reading import Reading

        reading = Reading(self.database)
        for call_id in whose.calls:
            call = await reading.call(call_id)
            kept = {"turns": reading.turns, "tools": reading.tools, "usage": reading.usage}
            parts = {name: await read(call_id) for name, read in kept.items()}
            yield Kept(f"calls/{call_id}.json", _json({"call": call, **parts}))
        memory = await reading.memory(whose.tenant, whose.caller)
        if any(memory.values()):
            yield Kept("memory.json", _json(memory))


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder with files of each call, named by it: `<call>.<whatever>`."""

    name: str
    folder: Path
    keys: Keys = NO_KEYS

    async def forget(self, whose: Whose) -> int:
        """Delete the files."""
        return await aside(self._delete, whose.calls)

    async def export(self, whose: Whose) -> AsyncIterator[Kept]:
        """The files, unlocked."""
        for path in self._files(whose.calls):
            name = path.name.removesuffix(LOCKED)
            yield Kept(f"{self.name}/{name}", await aside(self._content, path))

    async def older(self, before_ms: int) -> set[str]:
        """Calls whose files were last written before then."""
        return await aside(self._older, before_ms)

    def _older(self, before_ms: int) -> set[str]:
        if not self.folder.is_dir():
            return set()
        with os.scandir(self.folder) as found:
            return {
                one.name.partition(".")[0]
                for one in found
                if one.name.startswith(CALL) and one.stat().st_mtime_ns < before_ms * 1_000_000
            }

    def _content(self, path: Path) -> bytes:
        content = read(path, self.keys)
        wav = path.name.removesuffix(LOCKED).endswith(".wav") and len(content) >= HEADER
        return with_length(content, len(content)) + content[HEADER:] if wav else content

    def _delete(self, calls: Sequence[str]) -> int:
        found = list(self._files(calls))
        for path in found:
            path.unlink(missing_ok=True)
        return len(found)

    def _files(self, calls: Sequence[str]) -> Iterator[Path]:
        for call_id in calls:
            if call_id and "/" not in call_id and not call_id.startswith("."):
                yield from sorted(self.folder.glob(glob.escape(call_id) + ".*"))


@dataclass(frozen=True, slots=True)
class Spills:
    """Rows that gateways which run no more have left on disk. One that runs writes out its own."""

    path: Path
    name: str = "spill"

    async def forget(self, whose: Whose) -> int:
        """Write each file anew without what is meant."""
        return await aside(self._clean, whose)

    async def export(self, whose: Whose) -> AsyncIterator[Kept]:
        """What waits there belongs into the books, and stands in no archive of its own."""
        for kept in NOTHING:
            yield kept

    def _clean(self, whose: Whose) -> int:
        count = 0
        for path in sorted(self.path.parent.glob(glob.escape(self.path.name) + "*")):
            with path.open("r+b", buffering=0) as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                count += _without(file, whose)
        return count


def _without(file: FileIO, whose: Whose) -> int:
    lines = file.read().splitlines(keepends=True)
    kept = [line for line in lines if not _is_of(line, whose)]
    if len(kept) < len(lines):
        file.seek(0)
        file.write(b"".join(kept))
        file.truncate()
    return len(lines) - len(kept)


def _is_of(line: bytes, whose: Whose) -> bool:
    try:
        write: Any = msgspec.json.decode(line)
        table, values = write["table"], write["values"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return False
    if table == "audit":
        return False
    named = {values.get("call_id"), values.get("id") if table == "calls" else None}
    its_own = (whose.tenant, whose.caller) == (values.get("tenant"), values.get("caller"))
    return bool(named & set(whose.calls)) or bool(whose.caller and its_own)


@dataclass(frozen=True, slots=True)
class Shared:
    """What gateways share in Redis: tickets, live calls, budgets, orders to stop."""

    settings: Settings
    name: str = "redis"

    async def forget(self, whose: Whose) -> int:
        """Delete whatever names the caller."""
        if not whose.caller:
            return 0
        words = re.escape(whose.caller.encode())
        account = re.escape(named(whose.tenant, whose.caller).encode())
        naming = re.compile(rb"(?<![\w+])" + words + rb"(?!\w)|" + account + rb":")
        count = 0
        async with open_redis(self.settings) as opened:
            redis: Any = opened  # its types have answers of either kind, text and bytes
            async for key in redis.scan_iter(match="trunkline:*", count=500):
                count += await _cleaned(redis, key, naming)
        return count

    async def export(self, whose: Whose) -> AsyncIterator[Kept]:
        """It says nothing that the calls do not."""
        for kept in NOTHING:
            yield kept


async def _cleaned(redis: Any, key: bytes, named: re.Pattern[bytes]) -> int:
    """Take out of one key what names the caller."""
    if named.search(key):
        return int(await redis.delete(key))
    kind = await redis.type(key)
    if kind == b"string":
        value = await redis.get(key)
        return int(await redis.delete(key)) if value and named.search(value) else 0
    if kind == b"hash":
        fields = await redis.hgetall(key)
        gone = [name for name, value in fields.items() if named.search(name + b" " + value)]
        return int(await redis.hdel(key, *gone)) if gone else 0
    if kind == b"stream":
        entries = await redis.xrange(key)
        gone = [seq for seq, said in entries if any(map(named.search, said.values()))]
        return int(await redis.xdel(key, *gone)) if gone else 0
    return 0


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2)
