"""A caller's leg over a WebSocket: any dialect, one reader, one writer, one bounded outbox.

Whatever ends the leg is written down once, as a `_Parting`, by whoever notices first: the reader
(the peer left, or broke its protocol), the writer (the peer does not read), `send` (the outbox is
full) or `close`. `run` waits for that, tells the call where the call does not know, and says
farewell in bounded time.

A page's call is known from its upgrade; a carrier's only from its first messages. For those
`answer` reads on until the caller has joined, and `fit` then says how the call carries audio.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from starlette.websockets import WebSocket

from audio.format import Format
from gateway.call.effects import Effect, Flush, Play, ToCaller, Transfer
from gateway.call.events import CallerAudio, CallerJoined, CallerLeft, Event, TransferFailed
from gateway.callers.dialect import Dialect, Message, Reply, Said, fitted
from gateway.callers.line import Line, LineError
from gateway.callers.reading import Reading
from gateway.callers.sockets import LineClosedError, ServerSocket, Socket
from gateway.errors import TrunklineError, WireError

log = logging.getLogger(__name__)

MAX_FRAME = 256 * 1024  # bytes of one message; the server's ws_max_size is to be some larger
LARGE = 256 * 1024  # bytes of a message, from which on it is read in a thread
OVERHEAD = 256  # bytes that an effect without audio is counted as, at least
NOT_READING = "does not read"
LONGEST_REASON = 123  # bytes of a close frame's reason: RFC 6455, section 5.5

Feed = Callable[[Event], None]
Entry = ToCaller | Reply  # of the outbox


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may cost. Times in seconds."""

    start: float = 10.0  # until the call must have begun
    blocked: float = 10.0  # that one message may wait for a peer that does not read
    farewell: float = 2.0  # for all that is said at the end
    answer: float = 0.0  # until the peer has answered a farewell, where its protocol has it do so
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
    by_us: bool = False  # whether we end a call that the caller would go on with


class WebSocketLeg:
    """One caller on a WebSocket that came here, accepted or not yet, or on one that we opened."""

    def __init__(
        self,
        websocket: WebSocket | Socket,
        dialect: Dialect,
        call: Format | None = None,
        *,
        subprotocol: str = "",
        limits: Limits | None = None,
    ) -> None:
        if isinstance(websocket, WebSocket):
            websocket = ServerSocket(websocket, subprotocol)
        self._socket: Socket = websocket
        self._wire = dialect
        self._dialect = fitted(dialect, call) if call is not None else dialect
        self._early: list[Event] = []  # what came before the call was there to be told
        self._limits = limits or Limits()
        self._reading = Reading()
        self._outbox: deque[Entry] = deque()
        self._waiting = 0  # bytes in the outbox
        self._filled = asyncio.Event()
        self._joined = False
        self._left = False  # whether the caller hung up
        self._parting: _Parting | None = None
        self._parted = asyncio.Event()
        self.line: Line | None = None  # the way to the provider beside this socket, if any
        self.why = ""  # it was not answered
        self.broken = False  # because its protocol was, not because the caller left

    @property
    def waiting(self) -> int:
        """Bytes that wait to be written."""
        return self._waiting

    def fit(self, call: Format) -> None:
        """The call carries audio in that format; to be said before `run`."""
        self._dialect = fitted(self._wire, call)

    async def answer(self) -> CallerJoined | None:
        """Accept the socket and read on until the caller has joined.

        None where that does not happen: the peer has been told, the socket is closed, `why` says
        why not.
        """
        if not await self._accept():
            self.why = "left before it was answered"
            return None
        await self._read(self._early.append)
        if self._joined and self._parting is None:
            (joined,) = (fact for fact in self._early if isinstance(fact, CallerJoined))
            return joined
        parting = self._parting or _Parting("left before it began")
        self.why = str(parting.error or parting.reason)
        self.broken = parting.error is not None
        await self._leave(parting, None)
        return None

    def introduce(self, joined: CallerJoined) -> None:
        """Who the caller is, where more is known than it said itself; to be said before `run`."""
        self._early = [joined if isinstance(fact, CallerJoined) else fact for fact in self._early]

    async def refuse(self, error: WireError) -> None:
        """Close a socket whose caller is not to be let in, and say why."""
        parting = _Parting("refused", error.code, error)
        self._part(parting)
        await self._leave(parting, None)

    async def run(self, feed: Feed) -> None:
        """Serve the caller until it is gone or `close` is called."""
        if not await self._accept():
            feed(CallerLeft("left before it was answered"))
            return
        for fact in self._early:
            feed(fact)
        self._early.clear()
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(self._read(feed, to_the_end=True))
            writer = group.create_task(self._write(feed))
            await self._parted.wait()
            reader.cancel()
            await asyncio.wait([reader])
            assert self._parting is not None
            if (error := self._parting.error) is not None:
                log.warning("a caller broke its protocol", extra={"why": str(error)})
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

    def say(self, message: Message) -> None:
        """Queue a message that no effect stands for."""
        if self._parting is None:
            self._put(Reply(message))

    def close(self, reason: str) -> None:
        """Write what waits, say farewell, and let `run` return."""
        self._part(_Parting(reason, known=True, by_us=not self._left))

    async def _accept(self) -> bool:
        try:
            await self._socket.accept()
        except (LineClosedError, OSError):
            return False
        return True

    async def _read(self, feed: Feed, *, to_the_end: bool = False) -> None:
        """Read until the caller has joined, or on until it has left."""
        try:
            async with asyncio.timeout(self._limits.start):
                while not self._joined and self._parting is None:
                    await self._take(feed)
            while to_the_end and self._parting is None:
                await self._take(feed)
        except TimeoutError:
            error = WireError(
                f"Expected the call to begin within {self._limits.start:g} s, and it did not. "
                "Connect again and begin at once."
            )
            self._part(_Parting("did not begin the call", error.code, error))
        except WireError as error:
            self._part(_Parting("broke its protocol", error.code, error))
        except LineClosedError as left:
            reason = "hung up" if left.code in (1000, 1001) else "line broke"
            self._part(_Parting(reason, gone=True))

    async def _take(self, feed: Feed) -> None:
        """One message of the peer."""
        message = self._frame(await self._socket.receive())
        await asyncio.sleep(0)  # a flood is received without waiting; others have their turn
        for fact in await self._facts(message):
            match fact:
                case Reply(at_once=True):
                    await self._socket.send(fact.said())
                case Reply():
                    self._put(fact)
                case CallerLeft(reason):
                    self._joined = self._left = True
                    feed(fact)  # what the call says at its end is still written
                    self._part(_Parting(reason, known=True))
                case _:
                    self._joined = self._joined or isinstance(fact, CallerJoined)
                    feed(fact)
                    if isinstance(fact, CallerAudio):  # a message may hold much of it
                        await asyncio.sleep(0)
            if self._parting is not None:
                return

    async def _facts(self, message: Message) -> Iterable[Said | Reply]:
        if len(message) < LARGE:
            return self._dialect.decode(message)
        return await self._reading.all(self._dialect.decode, message)

    def _frame(self, frame: Message) -> Message:
        if len(frame) > self._limits.frame:
            raise WireError(
                f"Expected frames of at most {self._limits.frame} bytes, and one of {len(frame)} "
                "came. Send smaller ones.",
                1009,
            )
        return frame

    async def _write(self, feed: Feed) -> None:
        try:
            while self._outbox or self._parting is None:
                if not self._outbox:
                    self._filled.clear()
                    await self._filled.wait()
                    continue
                entry = self._outbox.popleft()
                self._waiting -= _size(entry)
                if isinstance(entry, Reply):
                    messages = [entry.said()]
                else:
                    if self._reading.busy:
                        await self._reading.wait_free()
                    messages = list(self._dialect.encode(entry))
                async with asyncio.timeout(self._limits.blocked):
                    for message in messages:
                        await self._socket.send(message)
                if isinstance(entry, Transfer) and not messages:
                    await self._transfer(entry.target, feed)
        except TimeoutError:
            self._part(_Parting(NOT_READING, 1008, gone=True))
        except (LineClosedError, OSError):
            self._part(_Parting("line broke", gone=True))

    async def _transfer(self, target: str, feed: Feed) -> None:
        """Put the caller through around the socket, for the protocol has no word for it."""
        try:
            if self.line is None:
                raise LineError("this line cannot put callers through")
            await self.line.transfer(target)
        except TrunklineError as error:  # a line's own, or that no ticket is left for its order
            feed(TransferFailed(target, str(error)))
        else:
            self._part(_Parting(f"transferred to {target}"))

    async def _leave(self, parting: _Parting, writer: asyncio.Task[None] | None) -> None:
        """Say what is left to say, in bounded time, and close."""
        with suppress(TimeoutError, LineClosedError, OSError, RuntimeError):
            async with asyncio.timeout(self._limits.farewell + self._limits.answer):
                if parting.gone and writer is not None:
                    writer.cancel()
                elif not parting.gone:
                    if writer is not None:
                        await asyncio.wait([writer])
                    await self._say_farewell(parting)
                await self._hang_up(parting)
        if parting.by_us and self.line is not None:
            await self._end_call(self.line, parting.reason)

    async def _say_farewell(self, parting: _Parting) -> None:
        messages = list(self._dialect.farewell(parting.reason, parting.error))
        for message in messages:
            await self._socket.send(message)
        if not (messages and self._limits.answer):
            return
        with suppress(TimeoutError, WireError):
            async with asyncio.timeout(self._limits.answer):
                while True:
                    for fact in self._dialect.decode(self._frame(await self._socket.receive())):
                        if isinstance(fact, Reply):
                            await self._socket.send(fact.said())
                        elif isinstance(fact, CallerLeft):
                            return

    async def _end_call(self, line: Line, reason: str) -> None:
        """Some providers keep a call up whose socket is closed."""
        try:
            async with asyncio.timeout(self._limits.farewell):
                await line.hang_up(reason)
        except (LineError, TimeoutError) as error:
            log.warning("the provider did not end the call", extra={"why": str(error)})

    async def _hang_up(self, parting: _Parting) -> None:
        reason = str(parting.error or parting.reason).encode()[:LONGEST_REASON]
        await self._socket.close(parting.code, reason.decode(errors="ignore"))

    def _put(self, entry: Entry) -> None:
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


def _size(entry: Entry) -> int:
    match entry:
        case Reply(str() | bytes() as message):
            return OVERHEAD + len(message)
        case Play(_, pcm):
            return OVERHEAD + len(pcm)
        case _:
            return OVERHEAD + len(getattr(entry, "text", "")) + len(getattr(entry, "output", ""))
