"""Member: a worker's link to its parent, which accepts its connections and tells it of the others.

Where the parent is gone, the member knows.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from starlette.types import ASGIApp

from gateway.background import beside
from gateway.doors.ports import Factory
from gateway.errors import TrunklineError
from gateway.workers.elsewhere import Elsewhere, Peers
from gateway.workers.link import HTTP, Opened, Opening, Ready, Told, line, take, word

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Member:
    """A worker's side of what it shares with the others."""

    slot: int
    folder: Path
    before: str  # the gateway that died in this place
    pipe: socket.socket
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    taken: Callable[[], None]  # says that another connection was
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    _factories: dict[str, Factory] = field(default_factory=dict)
    _asked: dict[str, asyncio.Future[Opened]] = field(default_factory=dict)

    @asynccontextmanager
    async def open(self, host: str, port: int, factory: Factory) -> AsyncIterator[str]:
        """Be given a share of the connections that come there. Raises TrunklineError."""
        key = f"{host}:{port}"
        answer = self._asked[key] = asyncio.get_running_loop().create_future()
        self.say(Opening(host, port))
        opened = await answer
        if opened.why:
            raise TrunklineError(opened.why)
        self._factories[opened.name] = factory
        try:
            yield f"{host}:{opened.port}"
        finally:
            del self._factories[opened.name]

    def serve(self, factory: Factory) -> None:
        """Be given a share of the connections to the gateway's own port."""
        self._factories[HTTP] = factory

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application, with what belongs to other workers before it."""
        return Elsewhere(app, Peers(self.folder, self.slot), self.slot)

    def say(self, said: Opening | Ready) -> None:
        """Tell the parent."""
        self.writer.write(line(said))

    async def listen(self) -> None:
        """Hear the parent until it is gone."""
        with suppress(OSError):
            while heard := await self.reader.readline():
                match word(heard):
                    case Opened() as opened:
                        self._asked.pop(opened.name).set_result(opened)
        self.lost.set()

    async def connect(self, connection: socket.socket, factory: Factory) -> None:
        """Serve a connection that the parent has accepted."""
        connection.setblocking(False)
        with suppress(OSError):
            await asyncio.get_running_loop().connect_accepted_socket(factory, connection)

    def leave(self) -> None:
        """Be given no more connections; what still comes is for the others."""
        asyncio.get_running_loop().remove_reader(self.pipe.fileno())
        self.pipe.close()

    def take_all(self, tasks: set[asyncio.Task[None]]) -> None:
        """Take the connections that wait."""
        while (found := take(self.pipe)) is not None:
            self.taken()
            name, connection = found
            if connection is None:
                log.error("a connection was lost: this process can open no more files")
                continue
            if (factory := self._factories.get(name)) is None:
                connection.close()
                continue
            task = asyncio.create_task(self.connect(connection, factory))
            tasks.add(task)
            task.add_done_callback(tasks.discard)


@asynccontextmanager
async def open_member(
    told: Told, taken: Callable[[], None] = lambda: None
) -> AsyncIterator[Member]:
    """The link to the parent, which is told when a connection was `taken`."""
    stream, pipe = socket.socket(fileno=told.words), socket.socket(fileno=told.connections)
    pipe.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=stream)
    member = Member(told.slot, Path(told.folder), told.before, pipe, reader, writer, taken)
    running, tasks = asyncio.get_running_loop(), set[asyncio.Task[None]]()
    try:
        async with beside(member.listen(), "parent"):
            running.add_reader(pipe.fileno(), member.take_all, tasks)
            try:
                yield member
            finally:
                if pipe.fileno() >= 0:
                    member.leave()
    finally:
        writer.close()
