"""The leg to a model: one Realtime connection of the `openai` SDK, read raw and decoded by our own
dialect, because parsing every piece of audio into a model of the SDK costs several times as much.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Final

from openai.resources.realtime.realtime import AsyncRealtimeConnection
from websockets.exceptions import ConnectionClosed

from audio.format import Format
from gateway.assistants import azure, compatible, reasons
from gateway.assistants.connection import connect, hang_up
from gateway.assistants.fields import parse, text
from gateway.assistants.realtime import Realtime
from gateway.assistants.target import Endpoint, Target, key, own_endpoint
from gateway.assistants.vigil import Vigil
from gateway.call.effects import ToAssistant
from gateway.call.events import AssistantLost, AssistantReady, Event

log = logging.getLogger(__name__)

Feed = Callable[[Event], None]

# Unsent messages beyond this: the server does not read. A single one may be a picture of 15 MiB.
OUTBOX_BYTES: Final = 32 * 1024 * 1024
STALLED: Final = 10.0  # seconds that one message may wait for the socket
LEAST_LEFT: Final = 60_000_000  # microseconds
FAREWELL: Final = 1.0  # seconds for what is left to say, and again for the closing handshake


def endpoint(target: Target) -> Endpoint:
    """Where a target leads. Raises SettingsError where the settings do not say enough."""
    match target.kind:
        case "openai" | "embedded":
            return own_endpoint(target)
        case "azure" | "azure-preview":
            return azure.endpoint(target)
        case "compatible":
            return compatible.endpoint(target)


def open_leg(target: Target, call: Format) -> AssistantLeg:
    """A leg to this model for a call in that format; it connects when it is run.

    Raises SettingsError where the settings do not say enough to try.
    """
    return AssistantLeg(target, endpoint(target), call)


class Outbox:
    """Messages on their way to the socket, in order, with a limit."""

    def __init__(self) -> None:
        self._messages: deque[str] = deque()
        self._size = 0
        self._sending_since: float | None = None
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()

    def put(self, message: str) -> None:
        """Queue a message."""
        self._messages.append(message)
        self._size += len(message)
        self._filled.set()
        self._emptied.clear()

    def is_stuck(self, now: float) -> bool:
        """Whether the far end has stopped reading."""
        since = self._sending_since
        return self._size > OUTBOX_BYTES or (since is not None and now - since > STALLED)

    async def wait_empty(self) -> None:
        """Until all has been handed to the socket."""
        await self._emptied.wait()

    async def write(self, connection: AsyncRealtimeConnection, vigil: Vigil) -> None:
        """Send for ever; the only place that writes to the socket."""
        clock = asyncio.get_running_loop().time
        verbose = log.isEnabledFor(logging.DEBUG)
        while True:
            while self._messages:
                message = self._messages.popleft()
                if verbose:
                    log.debug("> %s", kind_of(message))
                self._sending_since = clock()
                await connection.send_raw(message)
                vigil.sent(len(message))
                self._sending_since = None
                self._size -= len(message)
            self._emptied.set()
            self._filled.clear()
            await self._filled.wait()


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
        self._outbox = Outbox()
        self._vigil = Vigil()
        self._closing = asyncio.Event()
        self._connected = False
        self._hanging_up = False
        self._ended = False
        self._fault = ""  # why we end it ourselves, and not at the call's wish
        self._verbose = log.isEnabledFor(logging.DEBUG)

    async def run(self, feed: Feed) -> None:
        """Live until the model is gone or close() was called; the far end's faults do not raise."""
        life = asyncio.create_task(self._live(feed), name="assistant")
        closing = asyncio.create_task(self._closing.wait(), name="assistant closing")
        try:
            await asyncio.wait((life, closing), return_when=asyncio.FIRST_COMPLETED)
            if self._fault:
                self._lose(feed, AssistantLost(self._fault, "not_reading"))
            elif not life.done() and self._connected:
                async with _at_most(FAREWELL):
                    await self._outbox.wait_empty()
        finally:
            self._ended = True
            closing.cancel()
            if not life.done() and not self._hanging_up:
                life.cancel()
            await asyncio.wait((life, closing))
        if not life.cancelled():
            life.result()  # a fault of our own, if there was one

    def send(self, effect: ToAssistant) -> None:
        """Queue an effect; after the end, and for a server that does not read, it is dropped."""
        if self._ended or self._closing.is_set():
            return
        for message in self.dialect.encode(effect):
            self._outbox.put(message)
        if self._outbox.is_stuck(asyncio.get_running_loop().time()):
            self._fault = f"{self._way.host}: the server does not read what is sent to it"
            self._closing.set()

    def close(self, reason: str) -> None:
        """Say what is queued, then end normally; `run` returns within about two seconds."""
        log.debug("assistant leg closes: %s", reason)
        self._closing.set()

    async def _live(self, feed: Feed) -> None:
        """From the handshake to the end."""
        try:
            connection = await connect(self._target, self._way)
        except Exception as fault:  # DNS, TCP, TLS, HTTP, the SDK: each raises kinds of its own
            reason = reasons.of_failure(self._way.host, fault, self._key)
            self._lose(feed, AssistantLost(reason, reasons.code_of(fault)))
            return
        self._connected = True
        writer = asyncio.create_task(
            self._outbox.write(connection, self._vigil), name="assistant writer"
        )
        vigil = asyncio.create_task(self._watch(connection, feed), name="assistant vigil")
        try:
            self._lose(feed, await self._read(connection, feed))
        except ConnectionClosed as fault:
            reason = reasons.of_close(self._way.host, fault, self._key)
            self._lose(feed, AssistantLost(reason, reasons.code_of(fault)))
        finally:
            self._hanging_up = True
            writer.cancel()
            vigil.cancel()
            await asyncio.gather(writer, vigil, return_exceptions=True)
            await hang_up(connection)

    async def _watch(self, connection: AsyncRealtimeConnection, feed: Feed) -> None:
        """Until the socket is closed, or leads nowhere."""
        with suppress(ConnectionClosed):
            await self._vigil.wait_dead(connection._connection)
            reason = f"{self._way.host}: nothing comes back from the server, not even to a ping"
            self._lose(feed, AssistantLost(reason, "no_pong"))
            connection._connection.transport.abort()

    def _lose(self, feed: Feed, lost: AssistantLost) -> None:
        """Say once that the model is gone, before the socket is tidied up; not if we left."""
        if self._ended or (self._closing.is_set() and not self._fault):
            return
        self._ended = True
        feed(lost)

    async def _read(self, connection: AsyncRealtimeConnection, feed: Feed) -> AssistantLost:
        try:
            async with asyncio.timeout(self._target.patience):
                while not self.dialect.opened:
                    lost = self._take(await connection.recv_bytes(), feed)
                    if lost:
                        return lost
        except TimeoutError:
            return AssistantLost(
                f"{self._way.host}: the server took the connection and opened no session within "
                f"{self._target.patience:g} s; check that [assistant] base_url is a Realtime server"
            )
        while True:
            lost = self._take(await connection.recv_bytes(), feed)
            if lost:
                return lost

    def _take(self, message: bytes, feed: Feed) -> AssistantLost | None:
        """Feed what a message means; returns it where it ends the session."""
        self._vigil.heard()
        if self._verbose:
            log.debug("< %s", kind_of(message))
        for event in self.dialect.decode(message):
            if isinstance(event, AssistantLost):
                return event
            if isinstance(event, AssistantReady):
                event = replace(event, limit=self._limit(event.limit))
            if not self._closing.is_set():
                feed(event)
        return None

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


@asynccontextmanager
async def _at_most(seconds: float) -> AsyncIterator[None]:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            yield
