"""What every bench caller says: the same four seconds of speech and quiet, each frame numbered.

The number of the call and of the frame stand in the lowest bits of the first samples, where nobody
hears them, so that whoever meets the frame again knows which one it is and when it was spoken.
"""

from __future__ import annotations

from dataclasses import dataclass

from audio import wav
from audio.convert import decode, encode
from audio.format import Format, pcm16
from audio.g711 import ulaw_decode, ulaw_encode
from audio.vad import WebrtcDetector
from gateway.call.effects import SendAudio
from gateway.call.plan import FRAME_US, Plan
from gateway.call.turns import Sign, Turns
from gateway.files import samples_dir

RATE = 8_000
FRAME = 160  # bytes of 20 ms
ULAW = Format("pcmu", RATE)  # lies behind all that a telephone says, however it is carried
CYCLE = 200  # frames: 4 s
SPOKEN = 60  # of those: 1.2 s
INTERRUPTS_AT, INTERRUPTION = 120, 30  # frames
BITS = 32
MAGIC = 0xA5C3  # of an answer, where a caller's frame has the number of its call

_CLEAR = bytes(byte & 0xFE for byte in range(256))
_LOWEST = bytes(byte & 1 for byte in range(256))


def coded(sound: bytes, whose: int, number: int, form: Format = ULAW) -> bytes:
    """The sound with two numbers of 16 bits hidden in it."""
    if form == pcm16(RATE):
        return ulaw_decode(coded(ulaw_encode(sound), whose, number))
    both, head = whose << 16 | number, bytearray(sound[: BITS * form.width])
    lowest = head[:: form.width].translate(_CLEAR)
    head[:: form.width] = bytes(byte | both >> bit & 1 for bit, byte in enumerate(lowest))
    return bytes(head) + sound[len(head) :]


def numbers(sound: bytes, form: Format = ULAW) -> tuple[int, int]:
    """What `coded` has hidden."""
    head = sound[: BITS * form.width]
    lowest = ulaw_encode(head) if form == pcm16(RATE) else head[:: form.width]
    both = sum(bit << place for place, bit in enumerate(lowest.translate(_LOWEST)))
    return both >> 16, both & 0xFFFF


def speech(frames: int, form: Format = ULAW) -> bytes:
    """So much of recorded voices, from where they are loud."""
    paths = sorted((samples_dir() / "audio" / "human").glob("*.wav"))
    sound = b"".join(ulaw_encode(wav.read(path, rate=RATE)) for path in paths)
    loudest = max(range(0, len(sound) - frames * FRAME, FRAME), key=lambda at: _voiced(sound, at))
    if form.rate == RATE:
        return encode(ulaw_decode(sound[loudest : loudest + frames * FRAME]), form.encoding)
    pcm = b"".join(wav.read(path, rate=form.rate) for path in paths)
    begins = loudest * form.rate // RATE * 2
    return encode(pcm[begins : begins + frames * frame(form)], form.encoding)


def frame(form: Format) -> int:
    """Bytes of 20 ms."""
    return form.rate // 50 * form.width


def _voiced(sound: bytes, at: int) -> int:
    return sound[at : at + SPOKEN * FRAME].translate(_LOUD).count(1)


_LOUD = bytes(int((byte & 0x7F) < 0x50) for byte in range(256))


def said(cycles: int, interrupting: int = 0, form: Format = ULAW) -> list[bytes]:
    """A call's frames; in every so many-th cycle the caller speaks into the answer."""
    words, size = speech(SPOKEN, form), frame(form)
    pieces = [words[at : at + size] for at in range(0, len(words), size)]
    quiet = form.silence(size // form.width)
    frames: list[bytes] = []
    for cycle in range(cycles):
        one = pieces + [quiet] * (CYCLE - SPOKEN)
        if interrupting and cycle % interrupting == interrupting - 1:
            one[INTERRUPTS_AT : INTERRUPTS_AT + INTERRUPTION] = pieces[:INTERRUPTION]
        frames += one
    return frames


@dataclass(frozen=True, slots=True)
class Expected:
    """Which frames go to the model the moment they come, and which make a barge-in."""

    at_once: frozenset[int]
    interrupting: frozenset[int]


def expected(frames: list[bytes], call: int, plan: Plan) -> Expected:
    """What the gate will do with a call's frames, found with the parts that it is made of."""
    turns = Turns(plan)
    detector = WebrtcDetector(plan.rate)
    at_once, interrupting = set(), set()
    for number, one in enumerate(frames):
        pcm = coded(one, call, number, plan.format)
        voiced = detector.voiced(decode(pcm, plan.encoding))
        outcomes = list(turns.frame(pcm, voiced, (number + 1) * FRAME_US))
        if [one.pcm for one in outcomes if isinstance(one, SendAudio)] == [pcm]:
            at_once.add(number)
        if Sign.INTERRUPTED in outcomes:
            interrupting.add(number)
    return Expected(frozenset(at_once), frozenset(interrupting))
