"""A worker: a gateway whose connections its parent accepts, and whose shared state its parent has.

It ends as a gateway does, by signal; and in good order where its parent is gone.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from starlette.types import ASGIApp

from gateway import log as logs
from gateway.background import beside
from gateway.doors.ports import Factory
from gateway.errors import TrunklineError
from gateway.private import Private
from gateway.running import loop
from gateway.running.opening import listening, open_embedded, open_gateway
from gateway.running.reloading import open_reloading
from gateway.running.serving import Orders, set_up_log, shut_down
from gateway.running.sounds import reading_sounds
from gateway.settings import Settings, load
from gateway.workers.elsewhere import Elsewhere, Peers
from gateway.workers.link import HTTP, Opened, Opening, Ready, Told, line, take, word
from gateway.workers.table import Seats, open_table

log = logging.getLogger(__name__)

SHARED = "shared.sock"
EACH = 1.0  # seconds between two copies of the figures, for when this process is gone


@dataclass(slots=True)
class Member:
    """A worker's side of what it shares with the others."""

    slot: int
    folder: Path
    before: str  # the gateway that died in this place
    pipe: socket.socket
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
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

    def take_all(self, tasks: set[asyncio.Task[None]]) -> None:
        """Take the connections that wait."""
        while (found := take(self.pipe)) is not None:
            name, connection = found
            if (factory := self._factories.get(name)) is None:
                connection.close()
                continue
            task = asyncio.create_task(self.connect(connection, factory))
            tasks.add(task)
            task.add_done_callback(tasks.discard)


@asynccontextmanager
async def open_member(told: Told) -> AsyncIterator[Member]:
    """The link to the parent."""
    stream, pipe = socket.socket(fileno=told.words), socket.socket(fileno=told.connections)
    pipe.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=stream)
    member = Member(told.slot, Path(told.folder), told.before, pipe, reader, writer)
    running, tasks = asyncio.get_running_loop(), set[asyncio.Task[None]]()
    try:
        async with beside(member.listen(), "parent"):
            running.add_reader(pipe.fileno(), member.take_all, tasks)
            try:
                yield member
            finally:
                running.remove_reader(pipe.fileno())
                pipe.close()
    finally:
        writer.close()


def settings_of(told: Told) -> Settings:
    """The settings as they are now; what gateways share, workers share with their parent."""
    overrides: dict[tuple[str, ...], Any]
    overrides = {(section, key): value for section, key, value in told.overrides}
    settings = load(Path(told.config) if told.config else None, overrides=overrides)
    if settings.store.redis.reveal():
        return settings
    shared = Private(f"unix://{told.folder}/{SHARED}?protocol=2")
    return settings.model_copy(
        update={"store": settings.store.model_copy(update={"redis": shared})}
    )


async def work(told: Told) -> None:
    """Take calls until told to stop."""
    read = partial(settings_of, told)
    settings, folder = read(), Path(told.folder)
    place = folder / f"w-{told.slot}.sock"
    with open_table(folder) as table, socket.socket(socket.AF_UNIX) as bound:
        async with open_member(told) as member:
            seats = Seats(table, told.slot)
            place.unlink(missing_ok=True)
            bound.bind(str(place))
            async with (
                open_gateway(settings, assistant=told.assistant, seats=seats) as gateway,
                listening(gateway, bound, member),
                open_reloading(gateway, read, set_up_log) as reloading,
                reading_sounds(gateway),
                _copied(folder / f"w-{told.slot}.prom", gateway.metrics.page),
            ):
                orders = Orders(reloading.order)
                orders.listen()
                loop.settle()
                member.say(Ready(gateway.assistant_name, gateway.name, gateway.access.is_open))
                await _first(orders.wait(), member.lost.wait())
                place.unlink(missing_ok=True)  # nobody asks us any more
                await shut_down(gateway, patient=orders.patient)
            if member.lost.is_set() and not Peers(folder, told.slot).all:
                shutil.rmtree(folder, ignore_errors=True)  # who made it cannot, and we are the last


async def assist(told: Told) -> None:
    """Be the embedded assistant of all workers, until told to stop."""
    async with open_member(told) as member, open_embedded(settings_of(told), told.port) as address:
        orders = Orders(lambda: None)
        orders.listen()
        loop.settle()
        member.say(Ready(address))
        await _first(orders.wait(), member.lost.wait())


async def _first(*waits: object) -> None:
    tasks = [asyncio.ensure_future(one) for one in waits]  # type: ignore[call-overload]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _copied(path: Path, page: Callable[[], bytes]) -> AsyncIterator[None]:
    """The figures are written down now and then."""

    async def copy() -> None:
        while True:
            _replace(path, page())
            await asyncio.sleep(EACH)

    try:
        async with beside(copy(), "figures"):
            yield
    finally:
        _replace(path, page())


def _replace(path: Path, content: bytes) -> None:
    """All of it or nothing, whoever reads it at this moment."""
    draft = path.with_suffix(".draft")
    draft.write_bytes(content)
    draft.replace(path)


def run() -> int:
    """The process, from its beginning to its end; gives its status."""
    told = msgspec.json.decode(sys.argv[1], type=Told)
    try:
        settings = settings_of(told)
        logs.setup(settings.log.format, settings.log.level)
        loop.run(work(told) if told.role == "worker" else assist(told))
    except TrunklineError as error:
        sys.stderr.write(f"trunkline: {error}\n")
        return 2
    except asyncio.CancelledError:
        return 130  # told twice to stop: at once
    return 0
