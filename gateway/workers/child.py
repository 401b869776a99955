"""A process of the parent's: begun, spoken to, and seen to its end."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from gateway.workers.link import Opened, Opening, Ready, Told, line, word

HOME = Path(__file__).resolve().parents[2]
BEGIN = (
    "import sys; sys.path.insert(0, {!r}); from gateway.workers.working import run; sys.exit(run())"
)
RECENT = 1.0  # seconds for which a connection counts as a call that is about to begin


@dataclass(slots=True)
class Child:
    """One process."""

    slot: int
    process: Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    pipe: socket.socket
    began: float = field(default_factory=time.monotonic)
    ready: Ready | None = None
    stuck: bool = False  # it leaves connections waiting
    _given: deque[float] = field(default_factory=deque)
    _waiting: deque[float] = field(default_factory=deque)  # since when each is not taken
    _count: int = 0

    @property
    def coming(self) -> int:
        """Connections that it was given a moment ago."""
        now = time.monotonic()
        while self._given and self._given[0] < now - RECENT:
            self._given.popleft()
        return len(self._given)

    def given(self) -> None:
        """It was given a connection."""
        self._count += 1
        self._given.append(time.monotonic())
        self._waiting.append(self._given[-1])

    def waits(self, taken: int) -> float:
        """For how long it has left one waiting, of all that it `taken` so far; seconds."""
        while len(self._waiting) > self._count - taken:
            self._waiting.popleft()
        return time.monotonic() - self._waiting[0] if self._waiting else 0.0

    async def hear(
        self, begun: Callable[[Child], None], opened: Callable[[str, int], Opened]
    ) -> None:
        """Until it is gone; gives its status by `process.wait`."""
        with suppress(OSError):
            while heard := await self.reader.readline():
                match word(heard):
                    case Ready() as ready:
                        self.ready = ready
                        begun(self)
                    case Opening(host, port):
                        self.writer.write(line(opened(host, port)))
        await self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Tell it to stop or to read its settings."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    def close(self) -> None:
        """Let go of its sockets."""
        self.pipe.close()
        self.writer.close()


async def begin(told: Told) -> Child:
    """A process in that role. It has a group of its own: Ctrl-C is for the parent alone."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    pipe, mouth = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    pipe.setblocking(False)
    fds = (theirs.fileno(), mouth.fileno())
    told = msgspec.structs.replace(told, words=fds[0], connections=fds[1])
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", BEGIN.format(str(HOME))),
            msgspec.json.encode(told).decode(),
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=fds,
            start_new_session=True,
        )
    finally:
        theirs.close()
        mouth.close()
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    return Child(told.slot, process, reader, writer, pipe)
