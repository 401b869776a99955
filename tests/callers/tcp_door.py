"""A listener for tests whose every connection is a leg over TCP, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from audio.format import Format, pcm16
from gateway.call import events as of
from gateway.callers.audiosocket_wire import AudioSocketDialect, Frames, line_format
from gateway.callers.pacing import Metronome
from gateway.callers.tcp import TcpLeg, TcpLimits
from tests.callers.peers.audiosocket import Stream, TcpLink, frame

WHO = Stream().begin()[0]
SPEECH = b"\1\0" * 160


@dataclass
class Served:
    """One connection: its leg, what was fed, and how it ended."""

    leg: TcpLeg
    fed: list[of.Event] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    def feed(self, event: of.Event | bytes) -> None:
        self.fed.append(of.CallerAudio(event) if isinstance(event, bytes) else event)

    def of_kind(self, kind: type[of.Event]) -> list[Any]:
        return [event for event in self.fed if isinstance(event, kind)]


@dataclass
class Door:
    """A listener whose every connection is a leg, in calls of one format."""

    call: Format
    limits: TcpLimits
    metronome: Metronome = field(default_factory=Metronome)
    served: asyncio.Queue[Served] = field(default_factory=asyncio.Queue)
    all: list[Served] = field(default_factory=list)
    port: int = 0

    def accept(self) -> TcpLeg:
        dialect = AudioSocketDialect()
        served = Served(TcpLeg(dialect, Frames(), self.metronome, limits=self.limits))
        served.task = asyncio.get_running_loop().create_task(self._serve(served, dialect))
        self.all.append(served)
        self.served.put_nowait(served)
        return served.leg

    async def _serve(self, served: Served, dialect: AudioSocketDialect) -> None:
        try:
            if await served.leg.answer() is not None:
                await served.leg.wait_for_sound()
                line_format(dialect)
                served.leg.fit(self.call)
                await served.leg.run(served.feed)
        finally:
            served.leg.abort()

    async def dial(self, *messages: bytes) -> tuple[TcpLink, Served]:
        link = TcpLink(*await asyncio.open_connection("127.0.0.1", self.port))
        for message in messages:
            await link.send(message)
        return link, await self.served.get()

    async def joined(self) -> tuple[TcpLink, Served]:
        """A call that is there; its first frame of silence has been read."""
        link, served = await self.dial(WHO, frame(0x10, bytes(320)))
        assert await link.recv() == frame(0x10, bytes(320))
        return link, served


@asynccontextmanager
async def opened(
    call: Format | None = None, limits: TcpLimits | None = None
) -> AsyncIterator[Door]:
    door = Door(call or pcm16(8_000), limits or TcpLimits())
    server = await asyncio.get_running_loop().create_server(door.accept, "127.0.0.1", 0)
    door.port = server.sockets[0].getsockname()[1]
    try:
        yield door
    finally:
        server.close()
        for served in door.all:
            assert served.task is not None
            served.task.cancel()
        await asyncio.gather(*(one.task for one in door.all if one.task), return_exceptions=True)


async def rest(link: TcpLink) -> list[bytes]:
    """All that still comes."""
    frames: list[bytes] = []
    try:
        while True:
            message = await asyncio.wait_for(link.recv(), 30)
            assert isinstance(message, bytes)
            frames.append(message)
    except EOFError:
        await link.close()
        return frames


async def over(served: Served) -> list[str]:
    assert served.task is not None
    await asyncio.wait_for(served.task, 600)
    return [event.reason for event in served.of_kind(of.CallerLeft)]
