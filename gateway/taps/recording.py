"""Recording: the call as it was heard, in stereo: the caller left, the assistant right.

The file begins with the call, so that call time is its time: a turn that began at 12.3 s is heard
there. What was said before the caller has agreed to be recorded is silence in it. Sound waits for
the words that were recognised of it, and is covered with a tone where they hold a number.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from audio.container import Container, Opus, Wav
from audio.convert import decode
from audio.pcm import BYTES, silence, stereo
from audio.tone import sine
from gateway.call.effects import AGREED, Effect, Flush, Play, ShowNotice
from gateway.call.events import CallerAudio, Event
from gateway.call.plan import Plan
from gateway.privacy.vault import NO_KEYS, Keys, PlainFile, open_sink
from gateway.redaction.detect import NOTHING, Policy
from gateway.taps.spoken import Spoken

LATE_US = 500_000  # after which nothing is changed or added: a caller's silence is told of by then
BLOCK_US = 300_000  # written at once; a gateway that is killed loses both, and a little
TONE_HZ, TONE_DBFS = 1000.0, -24.0
ENDINGS = {"wav": ".wav", "opus": ".opus"}


@lru_cache(maxsize=8)
def tone(rate: int) -> bytes:
    """A hundred waves of what covers a number; one piece may follow another."""
    return sine(TONE_HZ, 100 / TONE_HZ, rate, TONE_DBFS)


class Recording:
    """The tap: lays both sides on the call's time line and writes what can no longer change."""

    def __init__(
        self,
        path: Path,
        plan: Plan,
        policy: Policy = NOTHING,
        keys: Keys = NO_KEYS,
    ) -> None:
        self._plan, self._path, self._keys = plan, path, keys
        self._container: Container | None = None
        self._caller, self._assistant = Track(), Track()
        self._spoken = Spoken(plan, policy)
        self._written = 0  # samples
        self._asks = plan.privacy.recording == "consent"
        if not self._asks:
            self._open()

    def event(self, event: Event, now: int) -> None:
        """Keep the caller's sound: a frame ends when it arrives."""
        if self._container is None:
            return
        at = self._plan.samples(now)
        if isinstance(event, CallerAudio):
            pcm = decode(event.pcm, self._plan.encoding)
            self._caller.put(pcm, at - len(pcm) // BYTES)
        self._spoken.event(event, now)
        until = at - self._plan.samples(LATE_US)
        if until - self._written > self._plan.samples(BLOCK_US):
            self._write(min(until, self._plan.samples(self._spoken.settled(now))))

    def effect(self, effect: Effect, now: int) -> None:
        """Keep the assistant's sound where it will be heard, unless it is taken back before."""
        at = self._plan.samples(now)
        if isinstance(effect, ShowNotice) and effect.code == AGREED and self._asks:
            self._open()
        if self._container is None:
            return
        if isinstance(effect, Play):
            start = max(at, self._assistant.end)
            pcm = decode(effect.pcm, self._plan.encoding)
            self._assistant.put(pcm, at)
            self._spoken.played(effect, self._plan.microseconds(start), now)
        elif isinstance(effect, Flush):
            self._assistant.cut(at)
        self._spoken.effect(effect, now)

    def close(self) -> None:
        """Write the rest."""
        if self._container is None:
            return
        try:
            self._spoken.over()
            self._write(max(self._caller.end, self._assistant.end))
        finally:
            self._container.close()
            self._sink.close()

    def _open(self) -> None:
        if self._container is None:
            self._sink = open_sink(self._path, self._keys)
            write, rate = self._sink.write, self._plan.rate
            if self._path.suffix == ENDINGS["opus"]:
                self._container = Opus(write, rate)
            else:
                rewrite = self._sink.rewrite if isinstance(self._sink, PlainFile) else None
                self._container = Wav(write, rate, rewrite=rewrite)

    def _write(self, until: int) -> None:
        if until <= self._written or self._container is None:
            return
        at, self._written = self._written, until
        sides = {"caller": self._caller.take(until), "assistant": self._assistant.take(until)}
        for side, pcm in sides.items():
            kept = bytearray(pcm)
            for start, end in self._spoken.covered[side]:
                self._beep(kept, at, self._plan.samples(start), self._plan.samples(end))
            sides[side] = bytes(kept)
        self._spoken.forget(self._plan.microseconds(until))
        self._container.add(stereo(sides["caller"], sides["assistant"]))

    def _beep(self, pcm: bytearray, at: int, start: int, end: int) -> None:
        """Put a tone in place of the sound between two samples of the call."""
        first, last = max(0, start - at), min(len(pcm) // BYTES, end - at)
        if first >= last:
            return
        wanted = (last - first) * BYTES
        wave = tone(self._plan.rate)
        repeated = wave * (wanted // len(wave) + 1)
        pcm[first * BYTES : last * BYTES] = repeated[:wanted]


class Track:
    """One side on the time line, in samples: what has not been written yet, without gaps."""

    def __init__(self) -> None:
        self._start = 0
        self._pcm = bytearray()

    @property
    def end(self) -> int:
        """Where the sound so far ends."""
        return self._start + len(self._pcm) // BYTES

    def put(self, pcm: bytes, at: int) -> None:
        """Sound that begins there, or where the last one ends if that is later."""
        if at > self.end:
            self._pcm += silence(at - self.end)
        self._pcm += pcm

    def cut(self, at: int) -> None:
        """Nothing is heard from there on."""
        del self._pcm[max(0, at - self._start) * BYTES :]

    def take(self, until: int) -> bytes:
        """The sound up to there, filled with silence where there is none yet."""
        wanted = max(0, until - self._start) * BYTES
        pcm = bytes(self._pcm[:wanted])
        del self._pcm[:wanted]
        self._start += wanted // BYTES
        return pcm + bytes(wanted - len(pcm))
