"""Ear: the caller's packets as sound of the call, with what was lost filled in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from audio.convert import Converter
from audio.format import Format, pcm16
from audio.opus import CLOCK, RATES, OpusDecoder
from audio.pcm import AudioError, silence
from gateway.callers.webrtc.jitter import JitterBuffer, Lost, Quiet, Sound
from gateway.callers.webrtc.rtp import Block, Packet, Report, newer, unpack

FADED = CLOCK // 10  # samples after which a guess is nothing but silence
PIECE = CLOCK * 60 // 1_000  # samples that are guessed at once
KEYS = "0123456789*#ABCD"


class Ear:
    """One caller's sound, decoded at the rate of the call where Opus has that rate."""

    def __init__(
        self,
        call: Format,
        payload_type: int,
        keys: int | None,
        hear: Callable[[bytes], None],
        press: Callable[[str], None],
    ) -> None:
        rate = call.rate if call.rate in RATES else 24_000
        self.buffer = JitterBuffer()
        self._decoder = OpusDecoder(rate)
        self._converter = None if call == pcm16(rate) else Converter(pcm16(rate), call)
        self._types = (payload_type, keys)
        self._hear, self._press = hear, press
        self._rate = rate
        self._reception = Reception()
        self._key_at: int | None = None  # timestamp of the key that was pressed last

    def packet(self, data: bytes, now: int) -> None:
        """A packet of RTP has come. `now` in microseconds."""
        packet = unpack(data)
        if packet is None:
            return
        if packet.payload_type != self._types[0]:
            if packet.payload_type == self._types[1]:
                self._key(packet)
            return
        try:
            samples = self._decoder.samples(packet.payload) * CLOCK // self._rate
        except AudioError:
            return
        self._reception.note(packet, now)
        self.buffer.push(packet.sequence, packet.timestamp, samples, packet.payload, now)
        self.settle(now)

    def settle(self, now: int) -> None:
        """Let the call hear what is due."""
        for piece in self.buffer.take(now):
            for pcm in self._sound(piece):
                self._hear(pcm if self._converter is None else self._converter.push(pcm))

    @property
    def deadline(self) -> int | None:
        """When to settle although no packet came."""
        return self.buffer.deadline

    def _sound(self, piece: Sound | Lost | Quiet) -> Iterator[bytes]:
        match piece:
            case Sound(payload, lost):
                if lost:
                    yield from self._recovered(payload, lost)
                with suppress(AudioError):
                    yield self._decoder.decode(payload)
            case Lost(samples):
                yield from self._guessed(samples)
            case Quiet(samples):
                yield silence(self._own(samples))

    def _recovered(self, after: bytes, lost: int) -> Iterator[bytes]:
        """What was lost: the last of it from the copy in the packet after it, the rest a guess."""
        try:
            last = min(lost, self._decoder.samples(after) * CLOCK // self._rate)
            yield from self._guessed(lost - last)
            yield self._decoder.recover(after, self._own(last))
        except AudioError:
            yield from self._guessed(lost)

    def _guessed(self, samples: int) -> Iterator[bytes]:
        guessed = min(samples, FADED)
        for at in range(0, guessed, PIECE):
            yield self._decoder.conceal(self._own(min(PIECE, guessed - at)))
        if samples > guessed:
            yield silence(self._own(samples - guessed))

    def _own(self, samples: int) -> int:
        return samples * self._rate // CLOCK

    def _key(self, packet: Packet) -> None:
        """A telephone key, RFC 4733: said in many packets, that it is let go in three."""
        if len(packet.payload) < 4 or packet.timestamp == self._key_at:
            return
        event, flags = packet.payload[0], packet.payload[1]
        if flags & 128 and event < len(KEYS):
            self._key_at = packet.timestamp
            self._press(KEYS[event])

    # ------------------------------------------------------------ what the far end is told

    def report(self, report: Report, now: int) -> None:
        """The caller's own report has come; ours will quote it."""
        self._reception.quote(report, now)

    def blocks(self, now: int) -> tuple[Block, ...]:
        """How the caller's packets arrive; nothing while none did."""
        return self._reception.blocks(now)


class Reception:
    """What receiver reports say: RFC 3550, section 6.4.1 and appendices A.3 and A.8."""

    def __init__(self) -> None:
        self._ssrc: int | None = None
        self._first = self._highest = 0  # the latter counted on beyond 16 bits
        self._received = 0
        self._before = (0, 0)  # expected and received at the last report
        self._transit = 0
        self._jitter = 0.0
        self._quoted = (0, 0)  # the sender's clock in its last report, and when that came

    def note(self, packet: Packet, now: int) -> None:
        """A packet has come."""
        transit = now * CLOCK // 1_000_000 - packet.timestamp
        if packet.ssrc != self._ssrc:
            self.__init__()  # type: ignore[misc]
            self._ssrc, self._transit = packet.ssrc, transit
            self._first = self._highest = packet.sequence
        self._received += 1
        if newer(packet.sequence, self._highest & 0xFFFF):
            self._highest += (packet.sequence - self._highest) & 0xFFFF
        apart = abs(transit - self._transit)
        self._transit = transit
        if apart < CLOCK * 10:
            self._jitter += (apart - self._jitter) / 16

    def quote(self, report: Report, now: int) -> None:
        """The sender's report has come."""
        if report.ssrc == self._ssrc and report.sent_at:
            self._quoted = (report.sent_at, now)

    def blocks(self, now: int) -> tuple[Block, ...]:
        """Since the last time this was asked."""
        if self._ssrc is None:
            return ()
        expected = self._highest - self._first + 1
        over = expected - self._before[0]
        missing = over - (self._received - self._before[1])
        self._before = (expected, self._received)
        fraction = min(255, missing * 256 // over) if over and missing > 0 else 0
        sent_at, came = self._quoted
        delay = (now - came) * 65_536 // 1_000_000 if sent_at else 0
        lost = expected - self._received
        jitter = int(self._jitter)
        return (Block(self._ssrc, fraction, lost, self._highest, jitter, sent_at, delay),)
