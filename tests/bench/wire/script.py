"""What every bench caller says: the same four seconds of speech and quiet, each frame numbered.

The number of the call and of the frame stand in the lowest bits of the first samples, where nobody
hears them, so that whoever meets the frame again knows which one it is and when it was spoken.
"""

from __future__ import annotations

from dataclasses import dataclass

from audio import wav
from audio.g711 import ULAW_SILENCE, ulaw_decode, ulaw_encode
from audio.vad import WebrtcDetector
from gateway.call.effects import SendAudio
from gateway.call.plan import FRAME_US, Plan
from gateway.call.turns import Sign, Turns
from gateway.files import samples_dir

RATE = 8_000
FRAME = 160  # bytes of 20 ms
CYCLE = 200  # frames: 4 s
SPOKEN = 60  # of those: 1.2 s
INTERRUPTS_AT, INTERRUPTION = 120, 30  # frames
BITS = 32
MAGIC = 0xA5C3  # of an answer, where a caller's frame has the number of its call

_CLEAR = bytes(byte & 0xFE for byte in range(256))
_LOWEST = bytes(byte & 1 for byte in range(256))


def coded(sound: bytes, whose: int, number: int) -> bytes:
    """The sound with two numbers of 16 bits hidden in it."""
    both = whose << 16 | number
    head = bytes(byte | both >> bit & 1 for bit, byte in enumerate(sound[:BITS].translate(_CLEAR)))
    return head + sound[BITS:]


def numbers(sound: bytes) -> tuple[int, int]:
    """What `coded` has hidden."""
    lowest = sound[:BITS].translate(_LOWEST)
    both = sum(bit << place for place, bit in enumerate(lowest))
    return both >> 16, both & 0xFFFF


def speech(frames: int) -> bytes:
    """So much of recorded voices in mu-law, from where they are loud."""
    paths = sorted((samples_dir() / "audio" / "human").glob("*.wav"))
    sound = b"".join(ulaw_encode(wav.read(path, rate=RATE)) for path in paths)
    loudest = max(range(0, len(sound) - frames * FRAME, FRAME), key=lambda at: _voiced(sound, at))
    return sound[loudest : loudest + frames * FRAME]


def _voiced(sound: bytes, at: int) -> int:
    return sound[at : at + SPOKEN * FRAME].translate(_LOUD).count(1)


_LOUD = bytes(int((byte & 0x7F) < 0x50) for byte in range(256))


def said(cycles: int, interrupting: int = 0) -> list[bytes]:
    """A call's frames; in every so many-th cycle the caller speaks into the answer."""
    words = speech(SPOKEN)
    pieces = [words[at : at + FRAME] for at in range(0, len(words), FRAME)]
    quiet = ULAW_SILENCE * FRAME
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


def expected(frames: list[bytes], call: int) -> Expected:
    """What the gate will do with a call's frames, found with the parts that it is made of."""
    turns = Turns(Plan(rate=RATE, encoding="pcmu"))
    detector = WebrtcDetector(RATE)
    at_once, interrupting = set(), set()
    for number, frame in enumerate(frames):
        pcm = coded(frame, call, number)
        voiced = detector.voiced(ulaw_decode(pcm))
        outcomes = list(turns.frame(pcm, voiced, (number + 1) * FRAME_US))
        if [one.pcm for one in outcomes if isinstance(one, SendAudio)] == [pcm]:
            at_once.add(number)
        if Sign.INTERRUPTED in outcomes:
            interrupting.add(number)
    return Expected(frozenset(at_once), frozenset(interrupting))
