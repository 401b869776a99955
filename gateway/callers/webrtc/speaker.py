"""Speaker: the assistant's voice as packets of 20 ms on an exact clock, and where the ear is.

What the call gives waits here until its time; a flush takes it back. While nothing is said almost
nothing is sent: a short tail of silence, so that the far end's player comes to rest, then a packet
now and then, so that it knows that the stream lives.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from audio.convert import Converter
from audio.format import Format, pcm16
from audio.opus import CLOCK, RATES, OpusEncoder
from audio.pcm import BYTES
from gateway.call.effects import Play
from gateway.callers.webrtc.rtp import (
    Block,
    Packet,
    description,
    middle,
    ntp_time,
    pack,
    receiver_report,
    sender_report,
)

FRAME = 0.02  # seconds
STEP = CLOCK // 50
TAIL = 10  # frames of silence after speech
SPARSE = 20  # frames from one packet to the next while nothing is said
LATE = 0.1  # seconds behind its clock after which it starts another
EVERY = 5  # frames between reports of what was heard
# What lies between the network and the ear where nothing is late: a player's own buffer and its
# device. Twice the jitter is what players of WebRTC keep beyond that.
PLAYER = 0.06
FADE = 0.005  # seconds in which a flushed sound dies away
LOSS_COUNTS = 5  # of 256 packets; from there on each packet carries a copy of the last

NAME = "trunkline"  # canonical, in RTCP

Playout = Literal["started", "stopped", "cleared"]


@dataclass(frozen=True, slots=True)
class Mark:
    """When a frame was sent, and how far in its item that was."""

    sent_at: float
    item_id: str
    position: int  # samples of the item, at the call's rate
    generation: int


@dataclass(slots=True)
class _Piece:
    """What waits to be sent, and how much of it was."""

    play: Play
    pcm: bytes  # at the rate of the encoder
    samples: int  # of the call
    taken: int = 0  # bytes


class Stream:
    """Our stream of RTP: numbers and counts its packets, and makes its reports."""

    def __init__(self, ssrc: int, payload_type: int, write: Callable[[bytes], None]) -> None:
        self.ssrc = ssrc
        self._payload_type = payload_type
        self._write = write
        self._sequence = secrets.randbits(15)
        self._origin = secrets.randbits(31)
        self._timestamp = self._origin
        self._sent_at = 0.0
        self._packets = self._octets = 0

    def send(self, timestamp: int, payload: bytes, marker: bool) -> None:
        """A packet, at that time since the stream began."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._origin + timestamp) & 0xFFFFFFFF
        self._sent_at = time.time()
        self._packets += 1
        self._octets += len(payload)
        packet = Packet(
            self._payload_type, self._sequence, self._timestamp, self.ssrc, payload, marker
        )
        self._write(pack(packet))

    def report(self, blocks: tuple[Block, ...]) -> bytes:
        """A compound packet: what was sent, how the far end's stream arrives, who we are."""
        if not self._packets:
            return receiver_report(self.ssrc, blocks) + description(self.ssrc, NAME)
        now = time.time()
        timestamp = self._timestamp + round((now - self._sent_at) * CLOCK)
        sent = sender_report(
            self.ssrc, ntp_time(now), timestamp & 0xFFFFFFFF, self._packets, self._octets, blocks
        )
        return sent + description(self.ssrc, NAME)


def round_trip(block: Block) -> float | None:
    """Seconds to the far end and back, from its answer to a report of ours; None without one."""
    if not block.last_report:
        return None
    taken = (middle(ntp_time(time.time())) - block.last_report - block.delay) & 0xFFFFFFFF
    return taken / 65_536 if taken < 1 << 20 else 0.0


class Speaker:
    """One call's voice on one connection."""

    def __init__(
        self,
        call: Format,
        stream: Stream,
        heard: Callable[[str, int, int], None],
        playout: Callable[[Playout, str], None],
    ) -> None:
        self._rate = call.rate if call.rate in RATES else 24_000
        self._call = call
        self._converter = self._fresh_converter()
        self._bytes = self._rate // 50 * BYTES
        self._encoder = OpusEncoder(self._rate)
        self._silence = self._encoder.encode(bytes(self._bytes))
        self._stream, self._heard, self._playout = stream, heard, playout
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._index = -1  # of the frame that was sent last, since it began
        self._due = 0.0  # when the next is
        self._timer: asyncio.TimerHandle | None = None
        self._beginning: asyncio.TimerHandle | None = None
        self._pieces: deque[_Piece] = deque()
        self._marks: deque[Mark] = deque()  # of what was sent and is not heard yet
        self._item = ""  # that is being played, as far as others were told
        self._quiet = 0  # frames since something was said
        self._dying = b""  # what is left of a flushed sound
        self._delay = PLAYER  # seconds from sending to the ear
        self._loss = False

    def _fresh_converter(self) -> Converter | None:
        ours = pcm16(self._rate)
        return None if self._call == ours else Converter(self._call, ours)

    # ------------------------------------------------------------ what the call orders

    def play(self, play: Play) -> None:
        """Let the caller hear this, after what waits."""
        pcm = play.pcm if self._converter is None else self._converter.push(play.pcm)
        if pcm:
            self._pieces.append(_Piece(play, pcm, self._call.samples(play.pcm)))
        if self._timer is None or self._quiet >= TAIL:
            self._start(self._loop.time())

    def flush(self) -> None:
        """Take back what was not sent; what was, dies away."""
        self._dying = self._take(mark=False) if self._pieces else b""
        self._pieces.clear()
        self._marks.clear()
        self._converter = self._fresh_converter()
        self._tell("cleared")

    def close(self) -> None:
        """Send nothing more."""
        for timer in (self._timer, self._beginning):
            if timer is not None:
                timer.cancel()
        self._timer = self._beginning = None
        self._pieces.clear()
        self._marks.clear()

    def far_end(self, block: Block, trip: float) -> None:
        """How our packets arrive, and how long a round trip takes, in seconds."""
        self._delay = trip / 2 + PLAYER + 2 * block.jitter / CLOCK
        loss = block.fraction_lost >= LOSS_COUNTS
        if loss or self._loss:
            self._encoder.expect_loss(block.fraction_lost * 100 // 256 if loss else 0)
        self._loss = loss

    # ------------------------------------------------------------ the clock

    def _start(self, now: float) -> None:
        """Another run of frames, whose timestamps begin where the time is."""
        if self._timer is not None:
            self._timer.cancel()
        self._quiet = 0
        self._aim(now)

    def _aim(self, due: float) -> None:
        """The next frame is at that time."""
        self._due = due
        self._timer = self._loop.call_at(due, self._ring)

    def _ring(self) -> None:
        """A frame's time has come."""
        at = round((self._due - self._began) / FRAME)
        starts = at > self._index + 1
        self._index = max(at, self._index + 1)
        spoken = bool(self._pieces)
        self._stream.send(self._index * STEP, self._frame(), starts and spoken)
        if self._marks and (self._index % EVERY == 0 or not spoken):
            self._report()
        self._quiet = 0 if spoken else self._quiet + 1
        resting = self._quiet >= TAIL and not self._marks
        due = self._due + FRAME * (SPARSE if resting else 1)
        now = self._loop.time()
        self._aim(now if now > due + LATE else due)

    def _frame(self) -> bytes:
        if self._pieces:
            return self._encoder.encode(self._take())
        if self._dying:
            last, self._dying = _faded(self._dying, self._rate), b""
            return self._encoder.encode(last)
        if self._quiet < TAIL // 2:
            return self._encoder.encode(bytes(self._bytes))  # the sound before it rings out
        return self._silence

    def _take(self, *, mark: bool = True) -> bytes:
        """The next 20 ms; of the last piece, what there is, and silence."""
        taken, wanted = bytearray(), self._bytes
        while wanted and self._pieces:
            piece = self._pieces[0]
            part = piece.pcm[piece.taken : piece.taken + wanted]
            piece.taken += len(part)
            wanted -= len(part)
            taken += part
            if mark:
                self._note(piece)
            if piece.taken >= len(piece.pcm):
                self._pieces.popleft()
        return bytes(taken) + bytes(wanted)

    def _note(self, piece: _Piece) -> None:
        play = piece.play
        position = play.position + piece.samples * piece.taken // len(piece.pcm)
        now = self._loop.time()
        last = self._marks[-1] if self._marks else None
        if last is not None and last.sent_at == now and last.item_id == play.item_id:
            self._marks.pop()
        self._marks.append(Mark(now, play.item_id, position, play.generation))
        if play.item_id != self._item:
            self._item = play.item_id
            self._playout("started", play.item_id)
            # What was sent cannot be taken back: from how late this comes the call knows how much
            # is on its way when it stops an item.
            self._beginning = self._loop.call_later(
                self._delay, self._heard, play.item_id, play.position, play.generation
            )

    def _report(self) -> None:
        """Say what has reached the ear by now."""
        now, heard = self._loop.time(), None
        while self._marks and self._marks[0].sent_at + FRAME + self._delay <= now:
            mark = self._marks.popleft()
            if heard is not None and heard.item_id != mark.item_id:
                self._heard(heard.item_id, heard.position, heard.generation)
            heard = mark
        if heard is not None:
            self._heard(heard.item_id, heard.position, heard.generation)
        if not self._marks and not self._pieces:
            self._tell("stopped")

    def _tell(self, playout: Playout) -> None:
        item, self._item = self._item, ""
        if item:
            self._playout(playout, item)


def _faded(pcm: bytes, rate: int) -> bytes:
    """The beginning of a sound, dying away."""
    wave = np.frombuffer(pcm, "<i2").astype(np.float32)
    ramp = np.zeros(wave.size, np.float32)
    fade = int(rate * FADE)
    ramp[:fade] = np.linspace(1, 0, fade, dtype=np.float32)
    return (wave * ramp[: wave.size]).astype("<i2").tobytes()
