"""A caller's leg over WebRTC: sound on a track, everything else on a data channel in any dialect.

A leg lives as long as one connection. Audio that the call plays goes to the speaker and not through
the dialect; what was heard is known from what was sent and when, and reported to the call.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from audio.format import Format
from gateway.background import RESOLUTION
from gateway.call.effects import Effect, Flush, Play, ToCaller, Transfer
from gateway.call.events import (
    CallerAudio,
    CallerDigit,
    CallerJoined,
    CallerLeft,
    CallerPlayed,
    Event,
    TransferFailed,
)
from gateway.callers.dialect import Dialect, Message, Reply, facts
from gateway.callers.parting import NOT_READING, Parting, not_begun
from gateway.callers.webrtc.ear import Ear
from gateway.callers.webrtc.extras import Limits, Listener, Opener
from gateway.callers.webrtc.ice import IceSettings
from gateway.callers.webrtc.peer import Peer, PeerError
from gateway.callers.webrtc.rtp import bye, reports
from gateway.callers.webrtc.sdp import Offer
from gateway.callers.webrtc.speaker import Playout, Speaker, Stream, round_trip
from gateway.errors import WireError

log = logging.getLogger(__name__)
__all__ = ["BROKEN", "Limits", "WebRtcLeg"]

BROKEN = "line broke"  # why the caller left, where it may come back
HOUSEKEEPING = 1.0  # seconds between reports
FLOOD = 500  # packets of sound in that time that are looked at; 50 are usual

Feed = Callable[[Event], None]


class WebRtcLeg:
    """One caller on one peer connection."""

    def __init__(
        self,
        dialect: Dialect,
        call: Format,
        ice: IceSettings,
        label: str,
        *,
        channel_id: int | None = None,
        limits: Limits | None = None,
        joins: CallerJoined | None = None,  # what to be there means; else the dialect says when
        returns: bool = False,  # whether a caller that closes its connection may come back
    ) -> None:
        self._dialect, self._call, self._joins = dialect, call, joins
        self._limits, self._returns = limits or Limits(), returns
        self._listener = dialect if isinstance(dialect, Listener) else None
        self._peer = Peer(ice, self, label, channel_id)
        self._feed: Feed | None = None
        self._ear: Ear | None = None
        self._speaker: Speaker | None = None
        self._stream: Stream | None = None
        self._open = False
        self._came = 0  # packets since the last report
        self._outbox: deque[Message] = deque()  # until the channel is open
        self._joined = asyncio.Event()
        self._parting: Parting | None = None
        self._parted = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = 0.0
        self._loop = asyncio.get_running_loop()

    async def answer(self, offer: Offer) -> str:
        """The answer to the caller's offer; then `run` is to be called. Raises PeerError."""
        if offer.sends:
            self._ear = Ear(self._call, offer.payload_type, offer.keys, self._hear, self._press)
        self._stream = Stream(self._peer.ssrc, offer.payload_type, self._peer.send_rtp)
        if offer.receives:
            self._speaker = Speaker(self._call, self._stream, self._heard, self._playout)
        return await self._peer.answer(offer)

    async def run(self, feed: Feed) -> None:
        """Carry the caller until it is gone or `close` is called."""
        self._feed = feed
        try:
            if await self._connect():
                await self._carry(feed)
            elif self._parting is None or not self._parting.known:
                feed(CallerLeft("never connected"))
        finally:
            self._parting = self._parting or Parting("cut off", gone=True)
            if self._timer is not None:
                self._timer.cancel()
            if self._speaker is not None:
                self._speaker.close()
            await self._peer.close()
            self._sum_up()

    def _sum_up(self) -> None:
        if self._ear is not None:
            seen = self._ear.buffer.statistics()
            figures = {"packets": seen.received, "late": seen.late, "lost_ms": seen.lost // 48}
            log.info("a line over WebRTC ended", extra=figures)

    async def abandon(self) -> None:
        """Give back what an offer took whose call never began."""
        await self._peer.close()

    async def _connect(self) -> bool:
        connecting = asyncio.create_task(self._peer.connect())
        parted = asyncio.create_task(self._parted.wait())
        try:
            await asyncio.wait(
                (connecting, parted),
                timeout=self._limits.connect,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            connecting.cancel()
            parted.cancel()
            results = await asyncio.gather(connecting, parted, return_exceptions=True)
        match results[0]:
            case None:
                return self._parting is None
            case PeerError() as error:
                log.info("a caller's connection was not made", extra={"error": str(error)})
            case asyncio.CancelledError():
                log.info("a caller's connection was not made in time")
            case error:
                log.warning("a connection failed", extra={"error": type(error).__name__})
        return False

    async def _carry(self, feed: Feed) -> None:
        if self._joins is not None:
            self._take(self._joins)
        keeper = asyncio.create_task(self._keep_house())
        joiner = asyncio.create_task(self._expect_join())
        try:
            await self._parted.wait()
        finally:
            keeper.cancel()
            joiner.cancel()
            await asyncio.gather(keeper, joiner, return_exceptions=True)
        assert self._parting is not None
        if not self._parting.known:
            feed(CallerLeft(self._parting.reason))
        if not self._parting.gone:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.farewell):
                    await self._farewell(self._parting)

    async def _farewell(self, parting: Parting) -> None:
        for message in self._dialect.farewell(parting.reason, parting.error):
            self._write(message)
        if self._stream is not None:
            self._peer.send_rtcp(self._report() + bye(self._stream.ssrc))
        await self._peer.drained()

    async def _expect_join(self) -> None:
        try:
            async with asyncio.timeout(self._limits.join):
                await self._joined.wait()
        except TimeoutError:
            self._part(not_begun(self._limits.join))

    # ------------------------------------------------------------ orders of the call

    def send(self, effect: Effect) -> None:
        """Carry out an effect."""
        if self._parting is not None or not isinstance(effect, ToCaller):
            return
        if isinstance(effect, Play):
            if self._speaker is not None and self._joined.is_set():
                self._speaker.play(effect)
            if self._listener is None:
                return  # it would write down the sound itself
        if isinstance(effect, Flush) and self._speaker is not None:
            self._speaker.flush()
        elif isinstance(effect, Transfer) and self._feed is not None:
            failed = TransferFailed(effect.target, "a browser cannot be put through")
            self._loop.call_soon(self._feed, failed)
        for message in self._dialect.encode(effect):
            self._write(message)

    def close(self, reason: str) -> None:
        """Say farewell, and let `run` return."""
        self._part(Parting(reason, known=True))

    def _write(self, message: Message) -> None:
        if not self._open:
            self._outbox.append(message)
            if sum(map(len, self._outbox)) > self._limits.outbox:
                self._outbox.popleft()
        elif self._peer.waiting > self._limits.outbox:
            self._part(Parting(NOT_READING, gone=True))
        elif not self._peer.send(message):
            log.warning("a message could not be sent", extra={"bytes": len(message)})

    def _part(self, parting: Parting) -> None:
        if self._parting is None:
            self._parting = parting
            self._parted.set()

    # ------------------------------------------------------------ what comes from the peer

    def opened(self) -> None:
        """The data channel is open: what waited goes first."""
        self._open = True
        if isinstance(self._dialect, Opener):
            for message in self._dialect.opened():
                self._write(message)
        while self._outbox:
            self._write(self._outbox.popleft())

    def message(self, message: Message) -> None:
        """A message of the caller."""
        if self._parting is not None:
            return
        try:
            if len(message) > self._limits.message:
                raise WireError(
                    f"Expected messages of at most {self._limits.message} bytes, and one of "
                    f"{len(message)} came. Send smaller ones.",
                    1009,
                )
            for fact in facts(self._dialect.decode(message)):
                if isinstance(fact, Reply):
                    self._write(fact.said())
                else:
                    self._take(fact)
        except WireError as error:
            self._part(Parting("broke its protocol", error=error))

    def _take(self, fact: Event) -> None:
        assert self._feed is not None
        match fact:
            case CallerAudio() | CallerPlayed():
                return  # sound comes by the track, and we know ourselves what was heard
            case CallerJoined():
                if not self._joined.is_set():
                    self._joined.set()
                    self._feed(replace(fact, reports_playback=self._speaker is not None))
            case CallerLeft(reason):
                self._feed(fact)
                self._part(Parting(reason, known=True))
            case _:
                self._feed(fact)

    def lost(self, reason: str, *, broken: bool) -> None:
        """The connection is gone."""
        self._part(Parting(BROKEN if broken or self._returns else reason, gone=True))

    def rtp(self, packet: bytes) -> None:
        """A packet of the caller's sound."""
        self._came += 1
        if self._came > FLOOD or not self._joined.is_set() or self._parting is not None:
            return
        if self._ear is not None:
            self._ear.packet(packet, self._now())
            self._arm()

    def rtcp(self, packet: bytes) -> None:
        """The caller's reports: when its packets were sent, and how ours arrive."""
        for report in reports(packet):
            if self._ear is not None:
                self._ear.report(report, self._now())
            for block in report.blocks:
                if block.ssrc == self._peer.ssrc and self._speaker is not None:
                    self._speaker.far_end(block, round_trip(block) or 0.0)

    # ------------------------------------------------------------ sound

    def _hear(self, pcm: bytes) -> None:
        if pcm and self._feed is not None:
            self._feed(CallerAudio(pcm))

    def _press(self, digit: str) -> None:
        if self._feed is not None:
            self._feed(CallerDigit(digit))

    def _heard(self, item_id: str, samples: int, generation: int) -> None:
        if self._feed is not None and self._parting is None:
            self._feed(CallerPlayed(item_id, samples, generation))

    def _playout(self, playout: Playout, item_id: str) -> None:
        if self._listener is not None:
            for message in self._listener.playout(playout, item_id):
                self._write(message)

    def _now(self) -> int:
        return int(self._loop.time() * 1_000_000)

    def _arm(self, soonest: float = 0.0) -> None:
        """One timer, moved only to ring earlier; when it rings too early it is set anew."""
        assert self._ear is not None
        deadline = self._ear.deadline
        if deadline is None or self._parting is not None:
            return
        when = max(soonest, deadline / 1_000_000)
        if self._timer is not None:
            if self._rings_at <= when:
                return
            self._timer.cancel()
        self._timer, self._rings_at = self._loop.call_at(when, self._ring), when

    def _ring(self) -> None:
        self._timer = None
        if self._ear is not None and self._parting is None:
            self._ear.settle(self._now())
            self._arm(self._loop.time() + RESOLUTION)

    async def _keep_house(self) -> None:
        """Send reports, and notice when nobody is there any more."""
        while self._parting is None:
            await asyncio.sleep(HOUSEKEEPING)
            self._came = 0
            if self._stream is not None:
                self._peer.send_rtcp(self._report())
            if self._loop.time() - self._peer.heard_at > self._limits.silent:
                self._part(Parting(BROKEN, gone=True))
            elif self._peer.flooded:
                self._part(Parting("broke its protocol", gone=True))

    def _report(self) -> bytes:
        assert self._stream is not None
        return self._stream.report(self._ear.blocks(self._now()) if self._ear else ())
