"""Messenger: what workers share with their parent, reached without Redis' driver.

It gives the commands that gateways give, as the driver's own methods do and with the same answers;
the driver has hundreds, and takes 6 MB in each worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha1
from pathlib import Path
from typing import Any

Word = str | bytes | int | float
Read = Callable[[Any], Any]  # from the protocol's answer to the driver's


class RefusedOrderError(OSError):
    """The parent knows no such command, or cannot carry it out."""


class Line:
    """A connection to the parent, opened when it is needed; one question at a time is under way."""

    def __init__(self, path: Path, seconds: float) -> None:
        self._path, self._seconds = path, seconds
        self._turn = asyncio.Lock()
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, orders: Sequence[Sequence[Word]]) -> list[Any]:
        """The answers, errors among them. Raises OSError, TimeoutError."""
        async with asyncio.timeout(self._seconds), self._turn:
            try:
                if self._ends is None:
                    self._ends = await asyncio.open_unix_connection(str(self._path))
                reader, writer = self._ends
                writer.write(b"".join(map(_written, orders)))
                return [await _answer(reader) for _ in orders]
            except BaseException as error:
                self._hang_up()  # an answer may still come, and is not the next question's
                if isinstance(error, EOFError):
                    raise ConnectionResetError("the parent of the workers hung up") from None
                raise

    async def close(self) -> None:
        """Nothing more is asked."""
        if self._ends is not None:
            writer = self._ends[1]
            self._hang_up()
            with suppress(OSError):
                await writer.wait_closed()

    def _hang_up(self) -> None:
        if self._ends is not None:
            self._ends[1].close()
            self._ends = None


class Messenger:
    """Each command is asked at once; of a pipeline, all together when it is executed.

    Every method raises OSError, TimeoutError.
    """

    def __init__(self, line: Line, queue: list[tuple[Sequence[Word], Read]] | None = None) -> None:
        self._line, self._queue = line, queue
        self._whole = False  # whether nothing of others may come between

    def _give(self, *order: Word, read: Read = lambda answer: answer) -> Any:
        if self._queue is not None:
            self._queue.append((order, read))
            return None
        return self._asked(order, read)

    async def _asked(self, order: Sequence[Word], read: Read) -> Any:
        (answer,) = await self._line.ask([order])
        return _read(answer, read)

    # ------------------------------------------------------------ several at once

    def pipeline(self, transaction: bool = True) -> Messenger:
        """Commands that are gathered."""
        pipe = Messenger(self._line, [])
        pipe._whole = transaction
        return pipe

    async def __aenter__(self) -> Messenger:
        return self

    async def __aexit__(self, *of: object) -> None:
        self._queue = []

    async def execute(self) -> list[Any]:
        """What was gathered, asked; the answers in order."""
        assert self._queue is not None
        queue, self._queue = self._queue, []
        orders = [order for order, _ in queue]
        if not orders:
            return []
        if self._whole:
            answers = (await self._line.ask([["MULTI"], *orders, ["EXEC"]]))[-1]
            answers = _read(answers, list)
        else:
            answers = await self._line.ask(orders)
        return [_read(answer, read) for answer, (_, read) in zip(answers, queue, strict=True)]

    def register_script(self, script: str) -> Callable[..., Any]:
        """What runs it, given its keys and values."""
        name = sha1(script.encode(), usedforsecurity=False).hexdigest()

        def run(keys: Sequence[Word] = (), args: Sequence[Word] = ()) -> Any:
            return self._give("EVALSHA", name, len(keys), *keys, *args)

        return run

    # ------------------------------------------------------------ keys

    def ping(self) -> Any:
        return self._give("PING", read=lambda answer: answer == b"PONG")

    def time(self) -> Any:
        return self._give("TIME", read=lambda answer: tuple(map(int, answer)))

    def type(self, key: Word) -> Any:
        return self._give("TYPE", key)

    def delete(self, *keys: Word) -> Any:
        return self._give("DEL", *keys)

    def pexpire(self, key: Word, time: int) -> Any:
        return self._give("PEXPIRE", key, time)

    async def scan_iter(self, match: str = "*", count: int = 0) -> AsyncIterator[bytes]:
        """All keys that begin so. The parent gives them at once, whatever the count."""
        for key in (await self._give("SCAN", 0, "MATCH", match))[1]:
            yield key

    def get(self, key: Word) -> Any:
        return self._give("GET", key)

    def getdel(self, key: Word) -> Any:
        return self._give("GETDEL", key)

    def set(self, key: Word, value: Word, px: int | None = None) -> Any:
        until = ("PX", px) if px is not None else ()
        return self._give("SET", key, value, *until, read=lambda answer: answer == b"OK")

    # ------------------------------------------------------------ tables

    def hgetall(self, key: Word) -> Any:
        return self._give("HGETALL", key, read=_pairs)

    def hvals(self, key: Word) -> Any:
        return self._give("HVALS", key)

    def hlen(self, key: Word) -> Any:
        return self._give("HLEN", key)

    def hset(self, key: Word, name: Word = "", value: Word = "", **more: Any) -> Any:
        given: Mapping[Word, Word] = more.get("mapping") or {name: value}
        return self._give("HSET", key, *_flat(given))

    def hdel(self, key: Word, *names: Word) -> Any:
        return self._give("HDEL", key, *names)

    # ------------------------------------------------------------ sorted sets

    def zadd(self, key: Word, mapping: Mapping[Word, float]) -> Any:
        scored = (part for member, score in mapping.items() for part in (score, member))
        return self._give("ZADD", key, *scored)

    def zrem(self, key: Word, *members: Word) -> Any:
        return self._give("ZREM", key, *members)

    def zremrangebyscore(self, key: Word, min: Word, max: Word) -> Any:
        return self._give("ZREMRANGEBYSCORE", key, min, max)

    def zrange(self, key: Word, start: int, end: int) -> Any:
        return self._give("ZRANGE", key, start, end)

    # ------------------------------------------------------------ streams

    def xadd(
        self, key: Word, fields: Mapping[Any, Any], maxlen: int = 0, approximate: bool = True
    ) -> Any:
        most = ("MAXLEN", "~" if approximate else "=", maxlen) if maxlen else ()
        return self._give("XADD", key, *most, "*", *_flat(fields))

    def xrange(self, key: Word, min: Word = "-") -> Any:
        return self._give("XRANGE", key, min, "+", read=_entries)

    def xrevrange(self, key: Word, count: int) -> Any:
        return self._give("XREVRANGE", key, "+", "-", "COUNT", count, read=_entries)

    def xdel(self, key: Word, *places: Word) -> Any:
        return self._give("XDEL", key, *places)


def _flat(pairs: Mapping[Any, Any]) -> list[Word]:
    return [part for pair in pairs.items() for part in pair]


def _pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _entries(answer: list[list[Any]]) -> list[tuple[bytes, dict[bytes, bytes]]]:
    return [(place, _pairs(fields)) for place, fields in answer]


def _read(answer: Any, read: Read) -> Any:
    if isinstance(answer, RefusedOrderError):
        raise answer
    return read(answer)


def _written(order: Sequence[Word]) -> bytes:
    """A command as the protocol has it."""
    words = [word if isinstance(word, bytes) else str(word).encode() for word in order]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(one), one) for one in words)


async def _answer(reader: asyncio.StreamReader) -> Any:
    """The next answer; one that is an error is given, not raised. Raises OSError, EOFError."""
    line = (await reader.readuntil(b"\r\n"))[:-2]
    kind, rest = line[:1], line[1:]
    match kind:
        case b"+":
            return rest
        case b"-":
            return RefusedOrderError(rest.decode("utf-8", "replace"))
        case b":":
            return int(rest)
        case b"$":
            size = int(rest)
            return None if size < 0 else (await reader.readexactly(size + 2))[:-2]
        case b"*":
            return [await _answer(reader) for _ in range(int(rest))]
    raise RefusedOrderError("what came is no answer of the protocol")
