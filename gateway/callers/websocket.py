"""A caller's leg over a WebSocket: any dialect, one reader, one writer, one bounded outbox.

Whatever ends the leg is written down once, as a `_Parting`, by whoever notices first: the reader
(the peer left, or broke its protocol), the writer (the peer does not read), `send` (the outbox is
full) or `close`. `run` waits for that, tells the call where the call does not know, and says
farewell in bounded time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from starlette.types import Message as Received
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from audio.format import Format
from gateway.call.effects import Effect, Flush, Play, ToCaller
from gateway.call.events import CallerJoined, CallerLeft, Event
from gateway.callers.dialect import Dialect, Message, Reply, fitted
from gateway.errors import WireError

MAX_FRAME = 256 * 1024  # bytes of one message; give it to the server as ws_max_size as well
OVERHEAD = 256  # bytes that an effect without audio is counted as, at least
NOT_READING = "does not read"
LONGEST_REASON = 123  # bytes of a close frame's reason: RFC 6455, section 5.5

Feed = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may cost. Times in seconds."""

    start: float = 10.0  # until the call must have begun
    blocked: float = 10.0  # that one message may wait for a peer that does not read
    farewell: float = 2.0  # for all that is said at the end
    outbox: int = 4 * 1024 * 1024  # bytes that wait to be written
    frame: int = MAX_FRAME


@dataclass(frozen=True, slots=True)
class _Parting:
    """Why the leg ends."""

    reason: str
    code: int = 1000
    error: WireError | None = None
    known: bool = False  # whether the call knows already
    gone: bool = False  # whether nobody is there to be told


class WebSocketLeg:
    """One caller on a WebSocket that the application has accepted or not yet."""

    def __init__(
        self,
        websocket: WebSocket,
        dialect: Dialect,
        call: Format,
        *,
        subprotocol: str = "",
        limits: Limits | None = None,
    ) -> None:
        self._websocket = websocket
        self._dialect = fitted(dialect, call)
        self._subprotocol = subprotocol
        self._limits = limits or Limits()
        self._outbox: deque[ToCaller | Message] = deque()
        self._waiting = 0  # bytes in the outbox
        self._filled = asyncio.Event()
        self._joined = False
        self._parting: _Parting | None = None
        self._parted = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Bytes that wait to be written."""
        return self._waiting

    async def run(self, feed: Feed) -> None:
        """Serve the caller until it is gone or `close` is called."""
        if not await self._accept():
            feed(CallerLeft("left before it was answered"))
            return
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(self._read(feed))
            writer = group.create_task(self._write())
            await self._parted.wait()
            reader.cancel()
            assert self._parting is not None
            if not self._parting.known:
                feed(CallerLeft(self._parting.reason))
            await self._leave(self._parting, writer)
            writer.cancel()

    def send(self, effect: Effect) -> None:
        """Queue an effect. A flush takes back the audio that has not been written yet."""
        if self._parting is not None or not isinstance(effect, ToCaller):
            return
        if isinstance(effect, Flush):
            self._take_back()
        self._put(effect)

    def close(self, reason: str) -> None:
        """Write what waits, say farewell, and let `run` return."""
        self._part(_Parting(reason, known=True))

    async def _accept(self) -> bool:
        if self._websocket.application_state is not WebSocketState.CONNECTING:
            return True
        offered = self._websocket.scope.get("subprotocols", ())
        chosen = self._subprotocol if self._subprotocol in offered else None
        try:
            await self._websocket.accept(subprotocol=chosen)
        except (WebSocketDisconnect, OSError):
            return False
        return True

    async def _read(self, feed: Feed) -> None:
        try:
            async with asyncio.timeout(self._limits.start):
                while not self._joined:
                    await self._take(feed)
            while self._parting is None:
                await self._take(feed)
        except TimeoutError:
            error = WireError(
                f"Expected the call to begin within {self._limits.start:g} s, and it did not. "
                "Connect again and begin at once."
            )
            self._part(_Parting("did not begin the call", error.code, error))
        except WireError as error:
            self._part(_Parting("broke its protocol", error.code, error))
        except WebSocketDisconnect as left:
            reason = "hung up" if left.code in (1000, 1001) else "line broke"
            self._part(_Parting(reason, gone=True))

    async def _take(self, feed: Feed) -> None:
        """One message of the peer."""
        message = self._frame(await self._websocket.receive())
        await asyncio.sleep(0)  # a flood is received without waiting; others have their turn
        for fact in self._dialect.decode(message):
            match fact:
                case Reply(answer):
                    self._put(answer)
                case CallerLeft(reason):
                    self._joined = True
                    feed(fact)  # what the call says at its end is still written
                    self._part(_Parting(reason, known=True))
                case _:
                    self._joined = self._joined or isinstance(fact, CallerJoined)
                    feed(fact)
            if self._parting is not None:
                return

    def _frame(self, received: Received) -> Message:
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code") or 1005, received.get("reason"))
        text = received.get("text")
        frame: Message = received["bytes"] if text is None else text
        if len(frame) > self._limits.frame:
            raise WireError(
                f"Expected frames of at most {self._limits.frame} bytes, and one of {len(frame)} "
                "came. Send smaller ones.",
                1009,
            )
        return frame

    async def _write(self) -> None:
        try:
            while self._outbox or self._parting is None:
                if not self._outbox:
                    self._filled.clear()
                    await self._filled.wait()
                    continue
                entry = self._outbox.popleft()
                self._waiting -= _size(entry)
                async with asyncio.timeout(self._limits.blocked):
                    await self._send_entry(entry)
        except TimeoutError:
            self._part(_Parting(NOT_READING, 1008, gone=True))
        except (WebSocketDisconnect, OSError):
            self._part(_Parting("line broke", gone=True))

    async def _send_entry(self, entry: ToCaller | Message) -> None:
        if isinstance(entry, str | bytes):
            await self._send_message(entry)
            return
        for message in self._dialect.encode(entry):
            await self._send_message(message)

    async def _send_message(self, message: Message) -> None:
        if isinstance(message, str):
            await self._websocket.send_text(message)
        else:
            await self._websocket.send_bytes(message)

    async def _leave(self, parting: _Parting, writer: asyncio.Task[None]) -> None:
        """Say what is left to say, in bounded time, and close."""
        with suppress(TimeoutError, WebSocketDisconnect, OSError, RuntimeError):
            async with asyncio.timeout(self._limits.farewell):
                if parting.gone:
                    writer.cancel()
                else:
                    await asyncio.wait([writer])
                    for message in self._dialect.farewell(parting.reason, parting.error):
                        await self._send_message(message)
                await self._hang_up(parting)

    async def _hang_up(self, parting: _Parting) -> None:
        if self._websocket.client_state is WebSocketState.CONNECTED:
            reason = str(parting.error or parting.reason).encode()[:LONGEST_REASON]
            await self._websocket.close(parting.code, reason.decode(errors="ignore"))

    def _put(self, entry: ToCaller | Message) -> None:
        self._outbox.append(entry)
        self._waiting += _size(entry)
        self._filled.set()
        if self._waiting > self._limits.outbox:
            self._part(_Parting(NOT_READING, 1008, gone=True))

    def _take_back(self) -> None:
        self._outbox = deque(entry for entry in self._outbox if not isinstance(entry, Play))
        self._waiting = sum(map(_size, self._outbox))

    def _part(self, parting: _Parting) -> None:
        if self._parting is not None:
            return
        if parting.error is not None or parting.gone:
            self._outbox.clear()
            self._waiting = 0
        self._parting = parting
        self._filled.set()
        self._parted.set()


def _size(entry: ToCaller | Message) -> int:
    match entry:
        case str() | bytes():
            return OVERHEAD + len(entry)
        case Play(_, pcm):
            return OVERHEAD + len(pcm)
        case _:
            return OVERHEAD + len(getattr(entry, "text", "")) + len(getattr(entry, "output", ""))
