"""Asterisk's AudioSocket: calls on a TCP port of their own, to which Asterisk connects.

The UUID that a call shows is a ticket: the dialplan fetches it from `/audiosocket/voice`, where it
says who calls, or any program orders one at `/api/tickets`. AudioSocket has a word for hanging up
and none for why; so the dialplan, which goes on then, may ask `/audiosocket/next/<uuid>`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field

from pydantic import Field

from gateway.call.events import CallerJoined
from gateway.callers.audiosocket_wire import AudioSocketDialect, Frames, line_format
from gateway.callers.bridge import (
    BAD_TICKET,
    TICKET,
    Arrival,
    Bridge,
    BridgeSection,
    Desk,
    Doors,
    merged,
)
from gateway.callers.dialplan import BUSY, REFUSED, Dialplan, DialplanLine
from gateway.callers.pacing import Metronome
from gateway.callers.tcp import TcpLeg
from gateway.errors import SettingsError, TrunklineError, WireError

log = logging.getLogger(__name__)

NAME = "audiosocket"
WAITING = 256  # connections that may not have said who they are
LOCAL_ONLY = "this machine only; set bridges.audiosocket.host for an Asterisk elsewhere"
RAW_SOUND = (
    "Asterisk sends its caller's G.711 as it is and calls it PCM16. It is understood here, but "
    "mend the dialplan: Dial(AudioSocket/host:port/uuid/c(slin))"
)


class AudioSocketSection(BridgeSection):
    """Calls from Asterisk's AudioSocket, on a TCP port without encryption: keep it private."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=9092, ge=0, le=65535, description="TCP port; 0 takes a free one.")
    tickets: bool = Field(
        default=True,
        description="Whether a call's UUID must be a ticket; false on a loopback address only.",
    )


@dataclass(slots=True)
class Listener:
    """The port: takes connections, and carries each to its end."""

    desk: Desk
    section: AudioSocketSection
    dialplan: Dialplan
    metronome: Metronome = field(default_factory=Metronome)
    port: int = 0
    _waiting: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """It listens."""
        section = self.section
        async with AsyncExitStack() as open_port:
            port = self.desk.ports.open(section.host, section.port, self._accept)
            try:
                address = await open_port.enter_async_context(port)
            except TrunklineError as error:
                raise type(error)(f"bridges.audiosocket: {error}") from None
            self.port = int(address.rpartition(":")[2])
            reach = LOCAL_ONLY if _is_loopback(section.host) else "any machine that has a route"
            log.info("AudioSocket listens", extra={"address": address, "reach": reach})
            try:
                yield
            finally:
                await open_port.aclose()
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self) -> TcpLeg:
        dialect = AudioSocketDialect()
        leg = TcpLeg(dialect, Frames(), self.metronome)
        task = asyncio.get_running_loop().create_task(self._serve(leg, dialect))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return leg

    async def _serve(self, leg: TcpLeg, dialect: AudioSocketDialect) -> None:
        try:
            joined = await self._identify(leg)
            if joined is not None:
                await self._carry(joined, leg, dialect)
        except Exception:  # one call's fault is not that of the others
            log.exception("a call failed", extra={"bridge": NAME})
        finally:
            leg.abort()

    async def _identify(self, leg: TcpLeg) -> CallerJoined | None:
        """Who calls; nothing where it does not say, or may not come in."""
        if self._waiting >= WAITING:
            log.warning("a call did not begin", extra={"bridge": NAME, "why": "too many wait"})
            return None
        self._waiting += 1
        try:
            joined = await leg.answer()
        finally:
            self._waiting -= 1
        if joined is None:
            log.warning("a call did not begin", extra={"bridge": NAME, "why": leg.why})
            return None
        word = joined.metadata[TICKET]
        leg.line = DialplanLine(word, self.dialplan.outcomes)
        known: CallerJoined | None = CallerJoined(metadata={"uuid": word})
        if self.section.tickets:
            known = await self.desk.redeem(word)
        if known is None:
            log.warning("a call was turned away", extra={"bridge": NAME, "why": BAD_TICKET})
            self.dialplan.outcomes.put(word, REFUSED)
            await leg.refuse(WireError(BAD_TICKET))
            return None
        joined = merged(joined, known)
        if await self.desk.busy(NAME, joined):
            self.dialplan.outcomes.put(word, BUSY)
        return joined

    async def _carry(self, joined: CallerJoined, leg: TcpLeg, dialect: AudioSocketDialect) -> None:
        leg.introduce(joined)
        await leg.wait_for_sound()
        form = line_format(dialect)
        if dialect.raw is not None:
            log.warning("raw G.711", extra={"bridge": NAME, "what": RAW_SOUND})
        await self.desk.connect(Arrival(NAME, joined, form, dialect.lead, dialect.grain), leg)
        if leg.paced.skipped:
            log.warning("frames were late", extra={"bridge": NAME, **asdict(leg.paced)})


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _open(desk: Desk, section: AudioSocketSection) -> Doors:
    if not section.tickets and not _is_loopback(section.host):
        raise SettingsError(
            f"bridges.audiosocket.host is {section.host!r}, which others can reach, but "
            "bridges.audiosocket.tickets is false, so that anybody could call at your cost; let "
            'calls show tickets, or listen on host = "127.0.0.1"'
        )
    dialplan = Dialplan(NAME, desk)
    listener = Listener(desk, section, dialplan)
    return Doors(dialplan.routes, listen=listener.listening)


BRIDGE = Bridge(NAME, AudioSocketSection, _open)
