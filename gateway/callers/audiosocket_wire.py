"""The frames of Asterisk's AudioSocket: a kind, a length, a payload; sound as PCM16 little-endian.

Follows "AudioSocket" of Asterisk's documentation, and what `res_audiosocket` of 16 to 23 does. It
takes any kind but sound and hang-up, and sound of no length, for an error that ends the call; so
nothing else is ever sent.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import pairwise
from statistics import fmean
from struct import Struct
from typing import Final, TypeGuard
from uuid import UUID

from audio.convert import Converter, decode
from audio.format import Encoding, Format, pcm16
from gateway.call import effects as to
from gateway.call import events as of
from gateway.callers.carrier import pressed
from gateway.callers.dialect import Message, Reply
from gateway.errors import WireError

HEADER: Final = 3
HANG_UP, IDENTITY, DIGIT, ERROR = 0x00, 0x01, 0x03, 0xFF
RATES: Final = {
    **{0x10: 8_000, 0x11: 12_000, 0x12: 16_000, 0x13: 24_000, 0x14: 32_000},
    **{0x15: 44_100, 0x16: 48_000, 0x17: 96_000, 0x18: 192_000},
}
FAREWELL: Final = bytes((HANG_UP, 0, 0))
LONGEST: Final = 0xFFFE  # bytes of one frame's sound: whole samples
RAW: Final = 160  # bytes of 20 ms of G.711, in which an Asterisk may send what it calls PCM16
_HEAD: Final = Struct(">BH")
UUID_PARAMETER: Final = "ticket"  # where the caller's metadata carry it: `bridge.TICKET`


class Frames:
    """Finds the frames in a stream that may be cut anywhere; each with its header."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def pending(self) -> int:
        """Bytes of a frame that is not whole yet."""
        return len(self._rest)

    def push(self, data: bytes) -> Iterable[bytes]:
        """The frames that are whole now. A frame is 64 KB at most, and so is what is kept."""
        if not self._rest and _is_whole(data):  # as nearly all come
            return (data,)
        return self._cut(data)

    def _cut(self, data: bytes) -> Iterator[bytes]:
        data = self._rest + data if self._rest else data
        self._rest = b""
        at = 0
        while len(data) - at >= HEADER:
            end = at + HEADER + (data[at + 1] << 8 | data[at + 2])
            if end > len(data):
                break
            yield data[at:end]
            at = end
        self._rest = data[at:]


def _is_whole(frame: Message) -> TypeGuard[bytes]:
    """Whether it is one frame, with its header."""
    return (
        type(frame) is bytes
        and len(frame) >= HEADER
        and len(frame) == HEADER + (frame[1] << 8 | frame[2])
    )


class AudioSocketDialect:
    """One connection."""

    lead = 500_000  # all of it waits with us, and is taken back to the frame
    grain = 200_000

    def __init__(self) -> None:
        self.format = pcm16(8_000)  # until the first sound says otherwise
        self.raw: Encoding | None = None  # what comes as G.711 under the name of PCM16
        self._kind = 0x10
        self._known = False  # who calls
        self._settled = False  # in which format
        self._head, self._size = b"", -1  # of a frame whose sound is as it should be
        self._inward: dict[int, Converter] = {}  # of kinds that are not the line's own
        self._guess = Guess()

    def settle(self) -> None:
        """From now on the format of the line is what it is."""
        self._settled = True

    def decode(self, message: Message) -> bytes | Iterator[of.FromCaller | Reply]:
        """What a whole frame means. Raises WireError only."""
        if type(message) is bytes and len(message) == self._size and message[:HEADER] == self._head:
            return message[HEADER:]
        return self._decoded(message)

    def _decoded(self, message: Message) -> Iterator[of.FromCaller | Reply]:
        if isinstance(message, str) or len(message) < HEADER:
            raise WireError("Expected frames of AudioSocket: a kind, a length and a payload.")
        kind, payload = message[0], message[HEADER:]
        if not _is_whole(message):
            raise WireError("Expected one whole frame of AudioSocket.")
        if kind in RATES:
            self._expect_known(kind)
            if pcm := self._heard(kind, payload):
                yield of.CallerAudio(pcm)
        elif kind == IDENTITY:
            yield self._joined(payload)
        elif kind == DIGIT:
            self._expect_known(kind)
            yield from _digit(payload)
        elif kind == HANG_UP:
            yield of.CallerLeft("hung up")

    def encode(self, effect: to.ToCaller) -> list[bytes]:
        """Sound, in frames as long as it is; the line's leg sees to it that each is 20 ms."""
        if not isinstance(effect, to.Play):
            return []
        pcm = effect.pcm
        return [self.frame(pcm[at : at + LONGEST]) for at in range(0, len(pcm), LONGEST)]

    def frame(self, sound: bytes) -> bytes:
        """The frame that carries so much sound, at most `LONGEST` bytes of it."""
        return _HEAD.pack(self._kind, len(sound)) + sound

    def farewell(self, reason: str, error: WireError | None) -> Iterator[Message]:
        """Hang up. An AudioSocket cannot say why."""
        del reason, error
        yield FAREWELL

    def _joined(self, payload: bytes) -> of.CallerJoined:
        if self._known:
            raise WireError("Expected one UUID on a connection, and another came.")
        if len(payload) != 16:
            raise WireError(f"Expected a UUID of 16 bytes, and {len(payload)} bytes came.")
        self._known = True
        word = str(UUID(bytes=payload))
        return of.CallerJoined(metadata={UUID_PARAMETER: word})

    def _expect_known(self, kind: int) -> None:
        if not self._known:
            raise WireError(
                f"Expected the UUID of the call first, and a frame of kind 0x{kind:02x} came. "
                "Is this port called by AudioSocket()?"
            )

    def _heard(self, kind: int, payload: bytes) -> bytes:
        if not self._settled and payload:
            self._settled = True
            self.format, self._kind = pcm16(RATES[kind]), kind
        if kind == 0x10 and len(payload) == RAW:
            self.raw = self._guess.hear(payload)
            if self.raw is not None:
                payload = decode(payload, self.raw)
        pcm = payload[: len(payload) & ~1]  # Asterisk, too, drops half a sample
        if kind == self._kind:
            if pcm is payload and len(pcm) not in (0, RAW):  # of another there is nothing to say
                self._head, self._size = _HEAD.pack(kind, len(pcm)), HEADER + len(pcm)
            return pcm
        if kind not in self._inward:
            self._inward[kind] = Converter(pcm16(RATES[kind]), self.format)
        return self._inward[kind].push(pcm)


def _digit(payload: bytes) -> tuple[of.CallerDigit, ...]:
    if len(payload) != 1:
        raise WireError(f"Expected one digit in a frame, and {len(payload)} bytes came.")
    return pressed(payload.decode("latin-1"))


class Guess:
    """Whether frames of 160 bytes are 10 ms of PCM16, or 20 ms of G.711 that was sent unchanged.

    Read as what it is, sound is smooth and mostly quiet; read as anything else it is neither. The
    first frames are summed up, and then the answer stands.
    """

    ENOUGH = 25  # frames

    def __init__(self) -> None:
        self._scores: dict[Encoding, float] = {"pcm16": 0.0, "pcmu": 0.0, "pcma": 0.0}
        self._frames = 0

    def hear(self, payload: bytes) -> Encoding | None:
        """What such frames hold, if it is not PCM16."""
        if self._frames < self.ENOUGH:
            self._frames += 1
            for encoding in self._scores:
                self._scores[encoding] += _strangeness(decode(payload, encoding))
        best = min(self._scores, key=self._scores.__getitem__)
        return None if best == "pcm16" else best


def _strangeness(pcm: bytes) -> float:
    """How far the samples are from zero and, more so, from each other."""
    wave = array("h", pcm)
    steps = (after - before for before, after in pairwise(wave))
    return fmean(map(abs, steps)) + fmean(map(abs, wave))


def line_format(dialect: AudioSocketDialect) -> Format:
    """How the line sounds, to be asked when the first sound has come."""
    dialect.settle()
    return dialect.format
