"""Asterisk's AudioSocket: calls on a TCP port of their own, to which Asterisk connects.

The UUID that a call shows is a ticket: the dialplan fetches it from `/audiosocket/voice`, where it
says who calls, or any program orders one at `/api/tickets`. AudioSocket has a word for hanging up
and none for why; so the dialplan, which goes on then, may ask `/audiosocket/next/<uuid>`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from urllib.parse import parse_qsl

from pydantic import Field
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

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
    body_of,
    forbidden,
    merged,
)
from gateway.callers.line import LineError
from gateway.callers.pacing import Metronome
from gateway.callers.tcp import TcpLeg
from gateway.errors import SettingsError, TrunklineError, WireError
from gateway.listening import listen

log = logging.getLogger(__name__)

NAME = "audiosocket"
WAITING = 256  # connections that may not have said who they are
REMEMBERED = 60.0  # seconds in which a dialplan may ask what is next
LIMIT = 10_000  # calls of which that is remembered
ENDED, REFUSED, BUSY = "ended|16", "refused|21", "busy|42"  # and the cause, as Q.850 numbers it
TARGET = re.compile(r"[\w+*#@.:;=~-]{1,128}", re.ASCII)
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


class Outcomes:
    """What a dialplan is to do after a call, by the call's UUID; told once."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._told: dict[str, tuple[float, str]] = {}  # and until when

    def put(self, word: str, outcome: str) -> None:
        """This is what is next after that call."""
        now = self._clock()
        for old in [old for old, (until, _) in self._told.items() if until <= now]:
            del self._told[old]
        while len(self._told) >= LIMIT:
            del self._told[next(iter(self._told))]
        self._told[word] = (now + REMEMBERED, outcome)

    def take(self, word: str) -> str | None:
        """What is next; nothing where nobody knows, or it was told."""
        until, outcome = self._told.pop(word.strip().lower(), (0.0, None))
        return outcome if self._clock() < until else None


@dataclass(frozen=True, slots=True)
class AudioSocketLine:
    """What can be done with a call beside its stream: tell the dialplan where it goes on."""

    word: str
    outcomes: Outcomes

    async def hang_up(self, reason: str) -> None:
        """The stream says so itself; the dialplan may ask, and learns that all is well."""
        del reason
        self.outcomes.put(self.word, ENDED)

    async def transfer(self, target: str) -> None:
        """The dialplan goes on when the stream ends, and asks where to."""
        if not TARGET.fullmatch(target):
            raise LineError(
                "this line puts callers through to numbers, extensions and SIP addresses, written "
                "in letters, digits and + * # @ . : ; = ~ - _"
            )
        self.outcomes.put(self.word, f"transfer|{target}")


@dataclass(slots=True)
class Listener:
    """The port: takes connections, and carries each to its end."""

    desk: Desk
    section: AudioSocketSection
    outcomes: Outcomes = field(default_factory=Outcomes)
    metronome: Metronome = field(default_factory=Metronome)
    port: int = 0
    _waiting: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """It listens."""
        section = self.section
        try:
            bound = listen(section.host, section.port)
        except TrunklineError as error:
            raise TrunklineError(f"bridges.audiosocket: {error}") from None
        with bound:
            loop = asyncio.get_running_loop()
            server = await loop.create_server(self._accept, sock=bound)
            self.port = bound.getsockname()[1]
            address = f"{section.host}:{self.port}"
            reach = LOCAL_ONLY if _is_loopback(section.host) else "any machine that has a route"
            log.info("AudioSocket listens", extra={"address": address, "reach": reach})
            try:
                yield
            finally:
                server.close()
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
        leg.line = AudioSocketLine(word, self.outcomes)
        known: CallerJoined | None = CallerJoined(metadata={"uuid": word})
        if self.section.tickets:
            known = self.desk.redeem(word)
        if known is None:
            log.warning("a call was turned away", extra={"bridge": NAME, "why": BAD_TICKET})
            self.outcomes.put(word, REFUSED)
            await leg.refuse(WireError(BAD_TICKET))
            return None
        if self.desk.busy:
            self.outcomes.put(word, BUSY)
        return merged(joined, known)

    async def _carry(self, joined: CallerJoined, leg: TcpLeg, dialect: AudioSocketDialect) -> None:
        leg.introduce(joined)
        await leg.wait_for_sound()
        form = line_format(dialect)
        if dialect.raw is not None:
            log.warning("raw G.711", extra={"bridge": NAME, "what": RAW_SOUND})
        await self.desk.connect(Arrival(NAME, joined, form, dialect.lead, dialect.grain), leg)

    async def voice(self, request: Request) -> Response:
        """For a dialplan: a ticket for a call of which the form's fields say who it is."""
        if why := self.desk.may_operate(request):
            return forbidden(NAME, why)
        body = await body_of(request)
        if body is None:
            return PlainTextResponse("Expected a shorter form.\n", 413)
        given = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        caller, called = given.pop("from", ""), given.pop("to", "")
        try:
            return PlainTextResponse(
                self.desk.issue(CallerJoined(caller, called=called, metadata=given))
            )
        except TrunklineError as error:
            return PlainTextResponse(f"{error}\n", 503)

    async def next(self, request: Request) -> Response:
        """For a dialplan: what is next, after a call that is over. Whoever knows the UUID asks."""
        outcome = self.outcomes.take(request.path_params["uuid"])
        return PlainTextResponse(outcome or "unknown|0", 200 if outcome else 404)


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
    listener = Listener(desk, section)
    routes = (
        Route(f"/{NAME}/voice", listener.voice, methods=["POST"]),
        Route(f"/{NAME}/next/{{uuid}}", listener.next, methods=["GET"]),
    )
    return Doors(routes, listen=listener.listening)


BRIDGE = Bridge(NAME, AudioSocketSection, _open)
