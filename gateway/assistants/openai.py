"""The leg to a model: one Realtime connection, whose messages our own dialect reads and writes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from audio.format import Format
from gateway.assistants import azure, compatible, reasons
from gateway.assistants.connection import connect, hang_up
from gateway.assistants.fields import parse, text
from gateway.assistants.realtime import Realtime
from gateway.assistants.target import Endpoint, Target, key, own_endpoint
from gateway.assistants.vigil import Vigil
from gateway.call.effects import ToAssistant
from gateway.call.events import AssistantLost, AssistantReady, Event
from gateway.errors import SettingsError
from gateway.flag import Flag
from gateway.sockets.outlet import Outlet
from gateway.sockets.socket import Closed, Socket

log = logging.getLogger(__name__)

Feed = Callable[[Event], None]

# Unsent messages beyond this: the server does not read. A single one may be a picture of 15 MiB.
OUTBOX_BYTES: Final = 32 * 1024 * 1024
STALLED: Final = 10.0  # seconds that it may take nothing of them
LEAST_LEFT: Final = 60_000_000  # microseconds
FAREWELL: Final = 1.0  # seconds for what is left to say, and again for the closing handshake


def endpoint(target: Target) -> Endpoint:
    """Where a target leads. Raises SettingsError where the settings do not say enough."""
    try:
        match target.kind:
            case "openai" | "embedded":
                return own_endpoint(target)
            case "azure" | "azure-preview":
                return azure.endpoint(target)
            case "compatible":
                return compatible.endpoint(target)
    except SettingsError as error:
        raise SettingsError(target.placed(str(error))) from None


def open_leg(target: Target, call: Format) -> AssistantLeg:
    """A leg to this model for a call in that format; it connects when it is run.

    Raises SettingsError where the settings do not say enough to try.
    """
    return AssistantLeg(target, endpoint(target), call)


class AssistantLeg:
    """The assistant's side of one call."""

    def __init__(
        self,
        target: Target,
        way: Endpoint,
        call: Format,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._wall = wall  # unix time
        self._target = target
        self._way = way
        self._key = key(target)
        self.dialect = Realtime(call, way.capabilities, way.host, self._redact)
        self._vigil = Vigil()
        self._outlet = Outlet(self._write, len, self._give_up, OUTBOX_BYTES, STALLED)
        self._socket: Socket | None = None
        self._feed: Feed | None = None
        self._opened = Flag()  # the session
        self._over = Flag()
        self._closing = False  # at the call's wish
        self._told = False  # that the model is gone
        self._fault: Exception | None = None  # of our own
        self._verbose = log.isEnabledFor(logging.DEBUG)

    async def run(self, feed: Feed) -> None:
        """Live until the model is gone or close() was called; the far end's faults do not raise."""
        self._feed = feed
        opening = asyncio.create_task(self._open(), name="assistant")
        try:
            await self._over.wait()
            if self._closing and self._socket is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(FAREWELL):
                        await self._outlet.wait_empty()
        finally:
            self._told = True
            self._over.set()
            self._outlet.clear()
            opening.cancel()
            await asyncio.wait([opening])
            if self._socket is not None:
                await hang_up(self._socket)
        if not opening.cancelled():
            opening.result()  # a fault of our own, if there was one
        if self._fault is not None:
            raise self._fault

    def send(self, effect: ToAssistant) -> None:
        """Carry out an effect; after the end, or if the server does not read, it is dropped."""
        for message in self.dialect.encode(effect):
            self._put(message)

    def hear(self, pcm: bytes) -> None:
        """As SendAudio orders it."""
        for message in self.dialect.append(pcm):
            self._put(message)

    def close(self, reason: str) -> None:
        """Say what is queued, then end normally; `run` returns within about two seconds."""
        log.debug("assistant leg closes: %s", reason)
        self._closing = True
        self._over.set()

    def _put(self, message: str) -> None:
        if not self._over.is_set():  # what waits then is still written, and nothing more
            self._outlet.put(message)

    def _write(self, message: str) -> None:
        assert self._socket is not None
        if self._verbose:
            log.debug("> %s", kind_of(message))
        self._socket.send(message)
        self._vigil.sent(len(message))

    # ------------------------------------------------------------ what comes

    async def _open(self) -> None:
        """The handshake and the session after it; then see that the socket leads somewhere."""
        try:
            self._socket = await connect(self._target, self._way)
        except Exception as fault:  # DNS, TCP, TLS, HTTP: each raises kinds of its own
            reason = reasons.of_failure(self._way.host, fault, self._key)
            self._lose(AssistantLost(reason, reasons.code_of(fault)))
            return
        self._outlet.open(self._socket)
        self._socket.read(self)
        try:
            async with asyncio.timeout(self._target.patience):
                await self._opened.wait()
        except TimeoutError:
            self._lose(
                AssistantLost(
                    f"{self._way.host}: the server took the connection and opened no session "
                    f"within {self._target.patience:g} s; check that [assistant] base_url is a "
                    "Realtime server"
                )
            )
            return
        with suppress(ConnectionError):
            await self._vigil.wait_dead(self._socket)
            reason = f"{self._way.host}: nothing comes back from the server, not even to a ping"
            self._lose(AssistantLost(reason, "no_pong"))
            self._socket.abort()

    def take(self, message: str | bytes) -> None:
        """Feed what a message means, until one says that the session has ended."""
        if self._told or self._feed is None:
            return
        self._vigil.heard()
        if self._verbose:
            log.debug("< %s", kind_of(message))
        try:
            for event in self.dialect.decode(message):
                if isinstance(event, AssistantLost):
                    self._lose(event)
                    return
                if isinstance(event, AssistantReady):
                    event = replace(event, limit=self._limit(event.limit))
                    self._opened.set()
                if not self._closing:
                    self._feed(event)
        except Exception as fault:
            self._fault = fault
            self._over.set()

    def lose(self, closed: Closed) -> None:
        """The connection is gone."""
        reason = reasons.of_close(self._way.host, closed, self._key)
        self._lose(AssistantLost(reason, reasons.code_of(closed)))

    def go_on(self) -> None:
        """The server reads again."""
        self._outlet.go_on()

    def _lose(self, lost: AssistantLost) -> None:
        """Say once that the model is gone, before the socket is tidied up; not if we left."""
        if self._told or self._closing or self._feed is None:
            return
        self._told = True
        self._over.set()
        self._feed(replace(lost, reason=self._target.placed(lost.reason)))

    def _give_up(self) -> None:
        said = f"{self._way.host}: the server does not read what is sent to it"
        asyncio.get_running_loop().call_soon(self._lose, AssistantLost(said, "not_reading"))

    def _limit(self, documented: int) -> int:
        """How long the session may last: what its server says of this one, where that can be."""
        left = round((self.dialect.expires_at - self._wall()) * 1_000_000)
        believable = left >= LEAST_LEFT  # else the two clocks do not agree
        return min(left, documented or left) if believable else documented

    def _redact(self, words: str) -> str:
        return reasons.redact(words, self._key)


def kind_of(message: str | bytes) -> str:
    """The type of a message and nothing else of it, for the log."""
    return text(parse(message) or {}, "type")[:60] or "not an event"
