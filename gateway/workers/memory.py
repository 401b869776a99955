"""Memory: what workers share, served by their parent as a Redis would, as far as gateways ask.

So whatever several gateways have in common in a Redis, workers have in common without one: they
reach it by the same driver, over a socket in a folder that is theirs alone. It is gone with the
parent, as everything is with a gateway that is one process. It speaks the second version of Redis'
protocol; a command or a script that it does not know is an error, which gateways take as they take
a Redis that is away.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from gateway.workers.scripts import SCRIPTS
from gateway.workers.shelf import KindError, Shelf

log = logging.getLogger(__name__)

LONGEST = 64 * 1024 * 1024  # bytes of an argument
MOST = 1 << 20  # arguments

Command = list[bytes]


class CommandError(Exception):
    """A command that cannot be carried out."""


class Simple(str):
    """A word that is written as such, as OK is."""


class Commands:
    """Carries out commands on a shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self.known: dict[str, Callable[[list[str]], object]] = {
            "ping": lambda _: Simple("PONG"),
            "info": lambda _: "redis_version:none, the parent of workers\r\n",
            "client": lambda _: Simple("OK"),
            "select": lambda _: Simple("OK"),
            "time": self._time,
            "set": self._set,
            "get": lambda args: self._shelf.get(args[0], str),
            "getdel": self._getdel,
            "del": lambda args: sum(self._shelf.drop(key) for key in args),
            "zadd": self._zadd,
            "zrem": self._zrem,
            "zremrangebyscore": self._zremrangebyscore,
            "zrange": self._zrange,
            "hgetall": lambda args: [x for pair in self._fields(args).items() for x in pair],
            "hvals": lambda args: list(self._fields(args).values()),
            "hlen": lambda args: len(self._fields(args)),
            "hset": self._hset,
            "hdel": self._hdel,
            "pexpire": self._pexpire,
            "xadd": self._xadd,
            "xrange": self._xrange,
            "xrevrange": self._xrevrange,
            "xdel": self._xdel,
            "scan": self._scan,
            "type": lambda args: Simple(self._shelf.kind(args[0])),
            "evalsha": self._evalsha,
            "script": self._script,
        }

    def do(self, command: Command) -> object:
        """What it gives. Raises CommandError."""
        name, *args = [one.decode("utf-8", "surrogateescape") for one in command]
        known = self.known.get(name.lower())
        if known is None:
            raise CommandError(f"ERR unknown command '{name[:40]}'")
        try:
            return known(args)
        except KindError:
            raise CommandError("WRONGTYPE the key holds another kind of value") from None
        except (IndexError, ValueError):
            raise CommandError(f"ERR wrong arguments for '{name[:40]}'") from None

    def _time(self, args: list[str]) -> object:
        now = self._shelf.now_ms()
        return [str(now // 1000), str(now % 1000 * 1000)]

    def _set(self, args: list[str]) -> object:
        key, value, until = args[0], args[1], float("inf")
        rest, now = iter(args[2:]), self._shelf.now_ms()
        for option in rest:
            match option.upper():
                case "PX":
                    until = now + int(next(rest))
                case "EX":
                    until = now + 1000 * int(next(rest))
                case "PXAT":
                    until = int(next(rest))
                case "EXAT":
                    until = 1000 * int(next(rest))
                case "NX":
                    if self._shelf.get(key, object) is not None:
                        return None
                case _:
                    raise CommandError("ERR syntax error")
        self._shelf.put(key, value, until)
        return Simple("OK")

    def _getdel(self, args: list[str]) -> object:
        found = self._shelf.get(args[0], str)
        self._shelf.drop(args[0])
        return found

    def _zadd(self, args: list[str]) -> object:
        scores = self._shelf.scores(args[0])
        before = len(scores)
        for score, member in zip(args[1::2], args[2::2], strict=True):
            scores[member] = float(score)
        return len(scores) - before

    def _zrem(self, args: list[str]) -> object:
        scores = self._shelf.scores(args[0])
        gone = [member for member in args[1:] if scores.pop(member, None) is not None]
        if not scores:
            self._shelf.drop(args[0])
        return len(gone)

    def _zremrangebyscore(self, args: list[str]) -> object:
        scores, low, high = self._shelf.scores(args[0]), float(args[1]), float(args[2])
        gone = [member for member, score in scores.items() if low <= score <= high]
        for member in gone:
            del scores[member]
        return len(gone)

    def _zrange(self, args: list[str]) -> object:
        if args[1:] != ["0", "-1"]:
            raise CommandError("ERR only the whole of it can be had here")
        scores = self._shelf.scores(args[0])
        return sorted(scores, key=lambda member: (scores[member], member))

    def _fields(self, args: list[str]) -> dict[str, str]:
        if len(args) != 1:
            raise ValueError
        return self._shelf.fields(args[0])

    def _hset(self, args: list[str]) -> object:
        fields = self._shelf.fields(args[0])
        before = len(fields)
        fields.update(zip(args[1::2], args[2::2], strict=True))
        return len(fields) - before

    def _hdel(self, args: list[str]) -> object:
        fields = self._shelf.fields(args[0])
        return sum(fields.pop(name, None) is not None for name in args[1:])

    def _pexpire(self, args: list[str]) -> object:
        if self._shelf.get(args[0], object) is None:
            return 0
        self._shelf.expire(args[0], self._shelf.now_ms() + int(args[1]))
        return 1

    def _xadd(self, args: list[str]) -> object:
        key, rest = args[0], args[1:]
        most = 0
        if rest[0].upper() == "MAXLEN":
            rest = rest[2:] if rest[1] in "~=" else rest[1:]
            most, rest = int(rest[0]), rest[1:]
        if rest[0] != "*":
            raise CommandError("ERR only * is an id here")
        entries = self._shelf.own(key, list, list)
        last = entries[-1][0] if entries else (0, 0)
        now = self._shelf.now_ms()
        place = (now, 0) if now > last[0] else (last[0], last[1] + 1)
        entries.append((place, rest[1:]))
        if most:
            del entries[: max(0, len(entries) - most)]
        return _written(place)

    def _xrange(self, args: list[str]) -> object:
        after = _place(args[1].removeprefix("(")) if args[1] != "-" else (-1, 0)
        inside = not args[1].startswith("(")
        entries: list[tuple[tuple[int, int], list[str]]] = self._shelf.get(args[0], list) or []
        return [
            [_written(place), fields]
            for place, fields in entries
            if place > after or (inside and place == after)
        ]

    def _xrevrange(self, args: list[str]) -> object:
        entries = self._shelf.get(args[0], list) or []
        count = int(args[4]) if len(args) > 4 else len(entries)
        return [[_written(place), fields] for place, fields in entries[::-1][:count]]

    def _xdel(self, args: list[str]) -> object:
        entries = self._shelf.get(args[0], list) or []
        before, gone = len(entries), {_place(one) for one in args[1:]}
        entries[:] = [entry for entry in entries if entry[0] not in gone]
        return before - len(entries)

    def _scan(self, args: list[str]) -> object:
        """All at once, where Redis gives them bit by bit."""
        options = dict(zip(args[1::2], args[2::2], strict=True))
        pattern = options.get("MATCH", "*")
        if not pattern.endswith("*") or "*" in pattern[:-1] or "?" in pattern or "[" in pattern:
            raise CommandError("ERR only a beginning can be looked for here")
        return ["0", [key for key in self._shelf if key.startswith(pattern[:-1])]]

    def _evalsha(self, args: list[str]) -> object:
        script = SCRIPTS.get(args[0])
        if script is None:
            raise CommandError("ERR no script of that name is known to workers")
        count = int(args[1])
        return script(self._shelf, args[2 : 2 + count], args[2 + count :])

    def _script(self, args: list[str]) -> object:
        raise CommandError("ERR workers know their scripts by name, and no others")


def _place(text: str) -> tuple[int, int]:
    first, _, second = text.partition("-")
    return int(first), int(second or 0)


def _written(place: tuple[int, int]) -> str:
    return f"{place[0]}-{place[1]}"


def encoded(value: object) -> bytes:
    """As the protocol writes it."""
    match value:
        case None:
            return b"$-1\r\n"
        case CommandError():
            return f"-{value}\r\n".encode("utf-8", "surrogateescape")
        case Simple():
            return f"+{value}\r\n".encode()
        case bool() | int():
            return b":%d\r\n" % value
        case str():
            data = value.encode("utf-8", "surrogateescape")
            return b"$%d\r\n%b\r\n" % (len(data), data)
        case list() | tuple():
            return b"*%d\r\n%b" % (len(value), b"".join(map(encoded, value)))
    raise AssertionError(f"no value of the protocol: {value!r}")


async def serve(
    commands: Commands, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One connection, to its end."""
    try:
        await _serve(commands, reader, writer)
    finally:
        writer.close()


async def _serve(
    commands: Commands, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    queued: list[Command] | None = None
    with suppress(asyncio.IncompleteReadError, ConnectionError, ValueError):
        while True:
            command = await _read(reader)
            match command[0].upper():
                case b"MULTI":
                    queued, answer = [], encoded(Simple("OK"))
                case b"EXEC" if queued is not None:
                    answer = encoded([_done(commands, one) for one in queued])
                    queued = None
                case _ if queued is not None:
                    queued.append(command)
                    answer = encoded(Simple("QUEUED"))
                case _:
                    answer = encoded(_done(commands, command))
            writer.write(answer)
            await writer.drain()


def _done(commands: Commands, command: Command) -> object:
    try:
        return commands.do(command)
    except CommandError as error:
        return error


async def _read(reader: asyncio.StreamReader) -> Command:
    """The next command. Raises ValueError where it is none."""
    count = int((await reader.readuntil(b"\r\n"))[1:])
    if not 0 < count <= MOST:
        raise ValueError("no command")
    command = []
    for _ in range(count):
        size = int((await reader.readuntil(b"\r\n"))[1:])
        if not 0 <= size <= LONGEST:
            raise ValueError("no argument")
        command.append((await reader.readexactly(size + 2))[:-2])
    return command


@asynccontextmanager
async def open_memory(path: Path) -> AsyncIterator[None]:
    """It is served at that socket."""
    commands = Commands(Shelf())
    tasks: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(commands, reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_unix_server(begin, str(path))
    try:
        yield
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
