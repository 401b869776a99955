"""Calls that we have an Asterisk make: its REST interface (ARI), and chan_websocket for sound.

Follows "Asterisk REST Interface" of its documentation. One application for each call, which lives
as long as its socket of events: the callee is called into it; when it answers, a media channel is
made, its WebSocket is opened from here, and both are joined in a bridge. Whatever happens, what was
made is taken down again.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from pydantic import Field

from gateway.call.events import CallerJoined
from gateway.callers.bridge import Arrival, Desk, DialOrder
from gateway.callers.chan_websocket_wire import ChanWebSocketDialect
from gateway.callers.dialplan import TARGET
from gateway.callers.line import LineError
from gateway.callers.pacing import PERIOD_US
from gateway.callers.parting import MAX_FRAME
from gateway.callers.websocket import WebSocketLeg
from gateway.errors import TrunklineError
from gateway.http import Http, NoAnswerError
from gateway.private import Private
from gateway.section import Secret, Section
from gateway.sockets.client import RefusedError, connect
from gateway.sockets.socket import Closed, Message, Socket

log = logging.getLogger(__name__)

OPENING = 10.0  # seconds for a socket, and for what Asterisk does at once
GONE = ("StasisEnd", "ChannelDestroyed")


class AriSection(Section):
    """Asterisk's REST interface: needed to have Asterisk call somebody."""

    url: str = Field(
        default="", description="Where Asterisk's HTTP server is, as http://127.0.0.1:8088."
    )
    username: str = Field(default="trunkline", description="Of ari.conf.")
    password: Secret = Field(default=Private(""), description="And its password.")
    endpoint: str = Field(
        default="PJSIP/{target}", description="Whom to call, as PJSIP/{target}@trunk."
    )
    caller: str = Field(default="", description="The number that `trunkline dial` shows.")
    codec: str = Field(default="slin16", description="Of the sound between Asterisk and here.")
    ringing: float = Field(default=45.0, gt=0, description="Seconds for the callee to answer.")
    context: str = Field(
        default="", description="Of the dialplan, in which callees are put through; empty: none."
    )


class AriError(LineError):
    """Asterisk did not do what it was asked to."""


class _Channel(msgspec.Struct):
    id: str


class _Happened(msgspec.Struct):
    type: str
    channel: _Channel | None = None
    cause_txt: str = ""


@dataclass(frozen=True, slots=True)
class Ari:
    """The REST interface of one Asterisk."""

    http: Http
    section: AriSection

    async def ask(self, method: str, path: str, **given: str) -> Any:
        """What it answers. Raises AriError."""
        url = f"{self.section.url.rstrip('/')}/ari{path}"
        login = (self.section.username, self.section.password.reveal())
        try:
            response = await self.http.request(method, url, params=given, auth=login)
        except NoAnswerError as error:
            raise AriError(f"Asterisk cannot be reached: {error}") from error
        if response.status_code >= 400:
            why = response.text[:200].strip()
            raise AriError(f"Asterisk answered {response.status_code} to {method} {path}: {why}")
        return msgspec.json.decode(response.content) if response.content else None

    async def socket(self, path: str, *protocols: str) -> Socket:
        """A WebSocket there. Raises AriError."""
        url = f"ws{self.section.url.rstrip('/').removeprefix('http')}{path}"
        login = f"{self.section.username}:{self.section.password.reveal()}".encode()
        headers = {"Authorization": f"Basic {b64encode(login).decode()}"}
        try:
            return await connect(
                url, headers, largest=MAX_FRAME, seconds=OPENING, subprotocols=protocols
            )
        except (OSError, RefusedError, TimeoutError) as error:
            raise AriError(f"Asterisk opened no WebSocket at {path.split('?')[0]}") from error


@dataclass(slots=True)
class Watch:
    """What is known of the channels of one application."""

    events: Socket
    started: set[str] = field(default_factory=set)
    gone: dict[str, str] = field(default_factory=dict)  # and why
    lost: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, message: Message) -> None:
        """Asterisk says what has happened."""
        with suppress(msgspec.DecodeError):
            self._note(msgspec.json.decode(message, type=_Happened))

    def lose(self, closed: Closed) -> None:
        """It will say no more."""
        self.lost = True
        self._changed.set()

    def go_on(self) -> None:
        """Nothing is ever said there."""

    def _note(self, happened: _Happened) -> None:
        if happened.channel is None:
            return
        if happened.type == "StasisStart":
            self.started.add(happened.channel.id)
        elif happened.type in GONE:
            self.gone.setdefault(happened.channel.id, happened.cause_txt or "hung up")
        self._changed.set()

    async def until(self, so: Callable[[], bool], seconds: float | None = None) -> None:
        """Wait for something to become true, or for the socket to be lost. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not so() and not self.lost:
                self._changed.clear()
                await self._changed.wait()

    async def until_there(self, channel: str, seconds: float) -> None:
        """Wait until it has entered the application. Raises AriError where it does not."""
        try:
            await self.until(lambda: channel in self.started or channel in self.gone, seconds)
        except TimeoutError:
            raise AriError("nobody answered in time") from None
        if channel not in self.started or channel in self.gone:
            raise AriError(f"not answered: {self.gone.get(channel, 'Asterisk is gone')}")


@dataclass(slots=True)
class _Made:
    """What one call has had made: all of it is taken down at its end."""

    sockets: list[Socket]
    paths: list[str]
    released: set[str] = field(default_factory=set)  # channels that go on without us

    async def take_down(self, ari: Ari) -> None:
        for path in self.paths:
            if path.rpartition("/")[2] not in self.released:
                with suppress(AriError):
                    await ari.ask("DELETE", path)
        for socket in reversed(self.sockets):
            socket.close()


@dataclass(frozen=True, slots=True)
class AriLine:
    """A callee beside its sound."""

    ari: Ari
    channel: str
    released: set[str]

    async def hang_up(self, reason: str) -> None:
        """What was made is taken down anyway."""

    async def transfer(self, target: str) -> None:
        """The callee goes on in the dialplan."""
        context = self.ari.section.context
        if not context:
            raise LineError("this line puts nobody through: bridges.chan_websocket.ari.context")
        if not TARGET.fullmatch(target):
            raise LineError("this line puts callers through to extensions of its dialplan only")
        given = {"context": context, "extension": target, "priority": "1"}
        self.released.add(self.channel)
        try:
            await self.ari.ask("POST", f"/channels/{self.channel}/continue", **given)
        except AriError:
            self.released.discard(self.channel)
            raise


@dataclass(slots=True)
class AriCalls:
    """The calls that one Asterisk makes for us."""

    desk: Desk
    bridge: str
    section: AriSection
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _endings: set[asyncio.Task[None]] = field(default_factory=set)  # nobody cancels these

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Calls may be made; at the end, those that are left are taken down."""
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._endings:
                await asyncio.wait(self._endings, timeout=OPENING)

    async def dial(self, order: DialOrder) -> str:
        """Call somebody; gives the channel's id. Raises TrunklineError."""
        if order.answering != "off":
            raise TrunklineError("Asterisk's REST interface cannot tell a machine from a person.")
        if not TARGET.fullmatch(order.target):
            raise TrunklineError("Expected a number, an extension or a SIP address to call.")
        channel = f"trunkline-{secrets.token_hex(8)}"
        ari = Ari(self.desk.http, self.section)
        events = await ari.socket(f"/ari/events?{urlencode({'app': channel})}")
        try:
            await ari.ask(
                "POST",
                "/channels",
                endpoint=self.section.endpoint.replace("{target}", order.target),
                app=channel,
                channelId=channel,
                callerId=order.caller or self.section.caller,
                timeout=str(round(self.section.ringing)),
            )
        except BaseException:
            events.close()
            raise
        _keep(self._tasks, self._carry(ari, order, channel, events))
        return channel

    async def _carry(self, ari: Ari, order: DialOrder, channel: str, events: Socket) -> None:
        """From ringing to the end."""
        made = _Made([events], [f"/channels/{channel}"])
        watch = Watch(events)
        events.read(watch)
        try:
            await watch.until_there(channel, self.section.ringing + OPENING)
            await self._connect(ari, order, channel, watch, made)
        except (TrunklineError, TimeoutError) as error:
            log.warning("a call was not made", extra={"bridge": self.bridge, "why": str(error)})
        except Exception:  # one call's fault is not that of the others
            log.exception("a call failed", extra={"bridge": self.bridge})
        finally:
            _keep(self._endings, made.take_down(ari))

    async def _connect(
        self, ari: Ari, order: DialOrder, channel: str, watch: Watch, made: _Made
    ) -> None:
        """The callee has answered."""
        media = await ari.ask(
            "POST",
            "/channels/externalMedia",
            app=channel,
            external_host="INCOMING",
            transport="websocket",
            encapsulation="none",
            connection_type="server",
            format=self.section.codec,
            transport_data="f(json)",
        )
        made.paths.append(f"/channels/{media['id']}")
        word = media["channelvars"]["MEDIA_WEBSOCKET_CONNECTION_ID"]
        socket = await ari.socket(f"/media/{quote(word)}", "media")
        made.sockets.append(socket)
        dialect = ChanWebSocketDialect()
        leg = WebSocketLeg(socket, dialect)
        leg.line = AriLine(ari, channel, made.released)
        if await leg.answer() is None:
            raise AriError(f"the call's sound did not begin: {leg.why}")
        await watch.until_there(media["id"], OPENING)
        bridge = (await ari.ask("POST", "/bridges", type="mixing"))["id"]
        made.paths.append(f"/bridges/{bridge}")
        both = f"{channel},{media['id']}"
        await ari.ask("POST", f"/bridges/{bridge}/addChannel", channel=both)
        shown = order.caller or self.section.caller
        joined = CallerJoined(order.target, True, shown, _told(order.metadata))
        leg.introduce(joined)
        arrival = Arrival(
            self.bridge, joined, dialect.format, dialect.lead, dialect.grain, PERIOD_US
        )
        ending = asyncio.get_running_loop().create_task(self._end(ari, watch, channel, media["id"]))
        try:
            await self.desk.connect(arrival, leg)
        finally:
            ending.cancel()

    async def _end(self, ari: Ari, watch: Watch, channel: str, media: str) -> None:
        """When the callee is gone, so is its sound; the leg learns that from its socket."""
        await watch.until(lambda: channel in watch.gone)
        with suppress(AriError):
            await ari.ask("DELETE", f"/channels/{media}")


def _keep(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
    """Begin it, and keep it among those until it is done."""
    task = asyncio.get_running_loop().create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


def _told(metadata: Mapping[str, str]) -> dict[str, str]:
    return {"direction": "outbound", **metadata}
