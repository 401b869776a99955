"""Recording: the call as it was heard, in stereo: the caller left, the assistant right."""

from __future__ import annotations

from pathlib import Path

from audio.convert import decode
from audio.pcm import BYTES, silence, stereo
from audio.wav import Recorder
from gateway.call.effects import Effect, Flush, Play
from gateway.call.events import CallerAudio, Event
from gateway.call.plan import Plan

BLOCK_US = 1_000_000  # written at once


class Recording:
    """The tap: lays both sides on the call's time line and writes what can no longer change."""

    def __init__(self, path: Path, plan: Plan) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._plan = plan
        self._recorder = Recorder(path, plan.rate, channels=2)
        self._caller = Track()
        self._assistant = Track()
        self._written = 0  # samples

    def event(self, event: Event, now: int) -> None:
        """Keep the caller's sound: a frame ends when it arrives."""
        at = self._plan.samples(now)
        if isinstance(event, CallerAudio):
            pcm = decode(event.pcm, self._plan.encoding)
            self._caller.put(pcm, at - len(pcm) // BYTES)
        if at - self._written > 2 * self._plan.samples(BLOCK_US):
            self._write(at - self._plan.samples(BLOCK_US))

    def effect(self, effect: Effect, now: int) -> None:
        """Keep the assistant's sound where it will be heard, unless it is taken back before."""
        if isinstance(effect, Play):
            self._assistant.put(decode(effect.pcm, self._plan.encoding), self._plan.samples(now))
        elif isinstance(effect, Flush):
            self._assistant.cut(self._plan.samples(now))

    def close(self) -> None:
        """Write the rest."""
        try:
            self._write(max(self._caller.end, self._assistant.end))
        finally:
            self._recorder.close()

    def _write(self, until: int) -> None:
        until = max(until, self._written)
        self._recorder.write(stereo(self._caller.take(until), self._assistant.take(until)))
        self._written = until


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
