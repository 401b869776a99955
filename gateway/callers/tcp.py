"""A caller's leg over a raw TCP stream: any dialect whose messages a splitter can find in it.

The counterpart of `websocket.py` for peers that neither frame nor time what they are sent. Sound
is paced here, one frame a period, and so the leg itself knows what has been played: what waits is
still ours, and a flush takes it back to the frame. Nothing is read by a task and nothing written
by one; a line costs a callback for what comes and a beat of the listener's metronome. Whatever
ends the leg is written down once, as a `Parting`, by whoever notices first.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass, replace
from typing import cast

from audio.format import Format
from gateway.call import effects as to
from gateway.call import events as of
from gateway.callers.dialect import Fitting, FramedDialect, Reply, Said, Splitter, facts
from gateway.callers.line import Line, end, put_through
from gateway.callers.pacing import Metronome, Paced, Player
from gateway.callers.parting import NOT_READING, Parting, not_begun
from gateway.errors import TrunklineError, WireError
from gateway.flag import Flag

log = logging.getLogger(__name__)

BURST = 5  # frames written at once at most, where their time has come and gone
GONE_MS = 10_000  # that what was sent may stay unconfirmed, where the system can say
EARLY = 256  # facts that may wait for the call to be there

Feed = Callable[[of.Event | bytes], None]


@dataclass(frozen=True, slots=True)
class TcpLimits:
    """What a peer may cost. Times in seconds."""

    start: float = 10.0  # until the call must have begun
    sound: float = 0.5  # that the first sound is waited for, which says how the line sounds
    blocked: float = 10.0  # that a peer may read nothing
    farewell: float = 2.0  # for the peer to close the line after us
    send_buffer: int = 32 * 1024  # bytes that the system may hold: they cannot be taken back


class TcpLeg(asyncio.Protocol):
    """One caller on a TCP stream."""

    def __init__(
        self,
        dialect: FramedDialect,
        splitter: Splitter,
        metronome: Metronome,
        *,
        limits: TcpLimits | None = None,
    ) -> None:
        self._dialect = dialect
        self._splitter = splitter
        self._metronome = metronome
        self._limits = limits or TcpLimits()
        self._transport: asyncio.Transport | None = None
        self._feed: Feed | None = None
        self._context: Context | None = None  # of the call: its log lines carry its id
        self._early: list[Said] = []  # what came before the call was there to be told
        self._fitting: Fitting | None = None
        self._player = Player(dialect.format)
        self._slack = 0  # bytes that may wait: a loop may have a burst still to write
        self._number = 0  # of the last period whose frame was due
        self._stuck_since: float | None = None
        self._target: str | None = None  # to whom the caller is to be put through
        self._joined = self._sounded = False
        self._parting: Parting | None = None
        self._fault: Exception | None = None
        self._changed, self._closed = Flag(), Flag()
        self.paced = Paced()
        self.line: Line | None = None  # what can be done with the call beside this stream
        self.why = ""  # it was not answered

    # ------------------------------------------------------------ from the stream

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The peer is there."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by name
        if self._parting is not None:
            self._transport.abort()
        if (ours := transport.get_extra_info("socket")) is not None:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._limits.send_buffer)
            if hasattr(socket, "TCP_USER_TIMEOUT"):  # for a peer that is gone without a word
                ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GONE_MS)

    def data_received(self, data: bytes) -> None:
        """Bytes of the peer, cut anywhere."""
        if self._parting is not None:
            return
        if self._context is None:
            self._take(data)
        else:
            self._context.run(self._take, data)

    def eof_received(self) -> None:
        """The peer says no more, and that is hanging up."""
        self._part(Parting("line broke" if self._splitter.pending else "hung up", gone=True))

    def connection_lost(self, exc: Exception | None) -> None:
        """The stream is over."""
        self._part(Parting("hung up" if exc is None else "line broke", gone=True))
        self._closed.set()

    def _take(self, data: bytes) -> None:
        try:
            feed, beats = self._feed, self._metronome
            if feed is not None and asyncio.get_running_loop().time() >= beats.due:
                for played in self._catch_up(beats.number()):
                    self._tell(played, feed)  # what is due is heard before what comes now
            for message in self._splitter.push(data):
                if self._parting is not None:
                    return
                meaning = self._dialect.decode(message)
                if type(meaning) is bytes and feed is not None:
                    feed(meaning if self._fitting is None else self._fitting.sound(meaning))
                    continue
                for fact in facts(meaning):
                    if self._parting is None:
                        self._fact(fact)
        except WireError as error:
            self._part(Parting("broke its protocol", error=error))
        except Exception as error:  # it ends the leg as it would in a task of its own
            self._fail(error)

    def _fact(self, fact: Said | Reply) -> None:
        if isinstance(fact, Reply):
            self._write(fact.said())
            return
        if isinstance(fact, of.CallerJoined):
            fact = replace(fact, reports_playback=True)
        self._joined = self._joined or isinstance(fact, of.CallerJoined | of.CallerLeft)
        self._sounded = self._sounded or isinstance(fact, of.CallerAudio)
        if self._feed is None:
            self._early.append(fact)
            if len(self._early) == EARLY and self._transport is not None:
                self._transport.pause_reading()
        else:
            self._tell(fact, self._feed)
        if isinstance(fact, of.CallerLeft):
            self._part(Parting(fact.reason, known=self._feed is not None))
        self._changed.set()

    def _tell(self, fact: Said, feed: Feed) -> None:
        fitting = fact if self._fitting is None else self._fitting.inward(fact)
        if fitting is not None:
            feed(fitting)

    # ------------------------------------------------------------ the leg

    async def answer(self) -> of.CallerJoined | None:
        """Read on until the caller has joined.

        None where that does not happen: the peer has been told, the stream is closed, `why` says
        why not.
        """
        try:
            async with asyncio.timeout(self._limits.start):
                await self._wait(lambda: self._joined)
        except TimeoutError:
            self._part(not_begun(self._limits.start))
        for fact in self._early:
            if isinstance(fact, of.CallerJoined) and self._parting is None:
                return fact
        parting = self._parting or Parting("left before it began", gone=True)
        self.why = str(parting.error or parting.reason)
        await self._leave(parting)
        return None

    async def wait_for_sound(self) -> None:
        """Until the first sound has come, which says in what format; but not for long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.sound):
                await self._wait(lambda: self._sounded)

    async def _wait(self, reached: Callable[[], bool]) -> None:
        while not reached() and self._parting is None:
            self._changed.clear()
            await self._changed.wait()

    def introduce(self, joined: of.CallerJoined) -> None:
        """Who the caller is, known from a better source than the stream."""
        early = self._early
        self._early = [joined if isinstance(one, of.CallerJoined) else one for one in early]

    def fit(self, call: Format) -> None:
        """The call carries audio in that format; to be said before `run`."""
        wire = self._dialect.format
        self._fitting = None if wire == call else Fitting(wire, call)
        self._player = Player(wire)

    async def refuse(self, error: WireError) -> None:
        """Close a stream whose caller is not to be let in."""
        parting = Parting("refused", error=error)
        self._part(parting)
        await self._leave(parting)

    async def run(self, feed: Feed) -> None:
        """Serve the caller until it is gone or `close` is called."""
        assert self._transport is not None
        self._begin(feed, self._transport)
        try:
            while self._parting is None:
                await self._wait(lambda: self._target is not None)
                if self._target is not None and self._parting is None:
                    target, self._target = self._target, None
                    await self._transfer(target, feed)
            self._metronome.leave(self._beat)
            assert self._parting is not None
            if (error := self._parting.error) is not None:
                log.warning("a caller broke its protocol", extra={"why": str(error)})
            if not self._parting.known and self._fault is None:
                feed(of.CallerLeft(self._parting.reason))
            if self._parting.by_us and self.line is not None:
                await end(self.line, self._parting.reason, self._limits.farewell)
            await self._leave(self._parting)
        finally:
            self._metronome.leave(self._beat)
            self.abort()
        if self._fault is not None:
            raise self._fault

    def _begin(self, feed: Feed, transport: asyncio.Transport) -> None:
        self._feed, self._context = feed, copy_context()
        self._slack = BURST * self._player.size
        for fact in self._early:
            self._tell(fact, feed)
        self._early.clear()
        transport.resume_reading()
        if self._parting is None:
            self._metronome.join(self._beat)
            self._number = self._metronome.number()

    def send(self, effect: to.Effect) -> None:
        """Queue an effect. A flush takes back all that has not been written."""
        if self._parting is not None or not isinstance(effect, to.ToCaller):
            return
        fitting = effect if self._fitting is None else self._fitting.outward(effect)
        match fitting:
            case to.Play():
                self._player.add(fitting)
            case to.Flush():
                self._player.flush()
            case to.Transfer(target):
                self._target = target
                self._changed.set()

    def close(self, reason: str) -> None:
        """Say farewell, and let `run` return. What waits was not heard, and will not be."""
        self._part(Parting(reason, known=True, by_us=True))

    def abort(self) -> None:
        """Cut the stream off, where that has not been done."""
        self._part(Parting("cut off", gone=True))
        if self._transport is not None:
            self._transport.abort()

    async def _transfer(self, target: str, feed: Feed) -> None:
        try:
            await put_through(self.line, target)
        except TrunklineError as error:
            feed(of.TransferFailed(target, str(error)))
        else:
            self._part(Parting(f"transferred to {target}"))

    # ------------------------------------------------------------ to the stream

    def _beat(self, number: int) -> None:
        """A period has begun."""
        assert self._feed is not None
        assert self._context is not None
        try:
            for played in self._catch_up(number):
                self._context.run(self._tell, played, self._feed)
        except Exception as error:  # one line's fault is not that of the others
            self._fail(error)

    def _catch_up(self, number: int) -> list[of.CallerPlayed]:
        """Write the frames that are due; what is to be told of what was heard by now."""
        due, self._number = number - self._number, number
        transport = self._transport
        told: list[of.CallerPlayed] = []
        if due <= 0 or self._parting is not None or transport is None:
            return told
        if transport.get_write_buffer_size() > self._slack:
            self.paced.skipped += due
            self._wait_for_peer()
            return told
        self._stuck_since = None
        if due > BURST:
            self.paced.skipped += due - BURST
            due = BURST
        self.paced.caught_up += due - 1
        self.paced.written += due
        while due:
            due -= 1
            frame, heard = self._player.take()
            transport.write(self._dialect.frame(frame))
            told += heard
        return told

    def _wait_for_peer(self) -> None:
        """It has not read what it was sent, so nothing is added to that; but not for ever."""
        now = asyncio.get_running_loop().time()
        self._stuck_since = self._stuck_since or now
        if now - self._stuck_since > self._limits.blocked:
            self._part(Parting(NOT_READING, gone=True))

    def _write(self, message: str | bytes) -> None:
        assert self._transport is not None
        self._transport.write(message.encode() if isinstance(message, str) else message)

    async def _leave(self, parting: Parting) -> None:
        """Say the last, and give the peer bounded time to close the stream after us."""
        if self._transport is None:
            return
        if not (parting.gone or self._transport.is_closing()):
            self._transport.resume_reading()  # closed with bytes unread, a stream breaks
            for message in self._dialect.farewell(parting.reason, parting.error):
                self._write(message)
            with suppress(TimeoutError, OSError):  # the peer may have closed it by now
                self._transport.write_eof()
                async with asyncio.timeout(self._limits.farewell):
                    await self._closed.wait()
        self._transport.abort()

    def _fail(self, error: Exception) -> None:
        self._fault = error
        self._part(Parting(f"internal error: {type(error).__name__}"))

    def _part(self, parting: Parting) -> None:
        if self._parting is None:
            self._parting = parting
            self._changed.set()
