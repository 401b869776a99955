"""The Ears: Moonshine on a few threads, and a Listener that hears one turn while it is spoken."""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from gateway.embedded.loudness import FRAME_MS, Loudness
from gateway.embedded.parts import EARS_RATE, Ears
from gateway.embedded.prepare import load, prepare
from gateway.embedded.workers import Job, Rank, Stop, Workers

Hear = Callable[[bytes, Stop], str]


class MoonshineEars:
    """Ears on a pool of threads, one job a thread: int8 products on two are slower, not quicker."""

    def __init__(self, hear: Hear, *, workers: int | None = None, waiting: int = 64) -> None:
        self._hear = hear
        self._workers = Workers(workers or min(2, os.cpu_count() or 1), waiting=waiting)

    @classmethod
    async def load(
        cls, cache: Path | None = None, *, workers: int | None = None, waiting: int = 64
    ) -> MoonshineEars:
        """Ears with the model loaded, prepared if it was not yet, and warm: off the event loop."""
        hear = await asyncio.get_running_loop().run_in_executor(None, _load_warm, cache)
        return cls(hear, workers=workers, waiting=waiting)

    async def transcribe(self, pcm: bytes) -> str:
        """The words in PCM16 mono at EARS_RATE. AssistantError where too many wait already."""
        job = self.start(pcm, Rank.FINAL)
        assert job is not None
        try:
            return await job.future
        finally:
            job.cancel()

    def start(self, pcm: bytes, rank: Rank) -> Job | None:
        """Begin to transcribe; None where there is no room for what is not FINAL."""
        return self._workers.submit(lambda stop: self._hear(pcm, stop), rank)

    async def close(self) -> None:
        """Stop all work."""
        await self._workers.close()


def _load_warm(cache: Path | None) -> Hear:
    model = load(prepare(cache=cache))
    noise = random.Random(1).randbytes(2 * EARS_RATE)
    model.transcribe(noise)
    return model.transcribe


@runtime_checkable
class Startable(Protocol):
    """Ears that can begin a job by rank, as MoonshineEars; others only transcribe."""

    def start(self, pcm: bytes, rank: Rank) -> Job | None: ...


class _Begun(Protocol):
    """A transcription that was begun, as the Listener needs it."""

    future: asyncio.Future[str]

    def hurry(self) -> None: ...

    def cancel(self) -> None: ...


class _Plain:
    """A transcription by Ears that know no ranks."""

    def __init__(self, ears: Ears, pcm: bytes) -> None:
        self.future: asyncio.Future[str] = asyncio.ensure_future(ears.transcribe(pcm))
        self.future.add_done_callback(lambda future: future.cancelled() or future.exception())

    def hurry(self) -> None:
        """It runs already."""

    def cancel(self) -> None:
        self.future.cancel()


# ---------------------------------------------------------------- one turn, as it is spoken

_BYTES_PER_MS: Final = EARS_RATE * 2 // 1000
_FRAME: Final = FRAME_MS * _BYTES_PER_MS
_LEAD: Final = 140 * _BYTES_PER_MS  # kept of what came before the first word; more misleads
_TAIL: Final = 200 * _BYTES_PER_MS  # kept of what came after the last one
_PARTIAL: Final = 600 * _BYTES_PER_MS  # of audio between two partial decodes, at least
_QUIET: Final = 120 * _BYTES_PER_MS  # after a word: perhaps it was the last one
_PAUSE: Final = 300 * _BYTES_PER_MS  # where a long turn can be parted
_PART: Final = 10_000 * _BYTES_PER_MS  # from here on a pause parts it
_ENDLESS: Final = 30_000 * _BYTES_PER_MS  # and here it is parted without one


class Listener:
    """Hears one turn of the user; time is counted in samples, so the same audio does the same.

    `on_words` gets additions to the transcript as they become certain: what two decodes in a row
    agree on. Put together they are the final text but for punctuation and capitals, unless the
    final decode thought better of a word; so the text that `finish` returns is the one to keep.
    """

    def __init__(
        self, ears: Ears, on_words: Callable[[str], None] = lambda _: None, partials: bool = True
    ) -> None:
        self._ears = ears
        self._partials = partials
        self._words = _Words(on_words)
        self._loudness = Loudness()
        self._unframed = bytearray()
        self._audio = bytearray()  # of the part that is being heard
        self._spoken = 0  # where in it speech last ended
        self._decoded = 0  # where in it the last partial decode began
        self._parts: list[_Begun] = []  # earlier parts of a long turn, all that was in them
        self._early: _Begun | None = None  # of this part, if it should have ended here
        self._partial: _Begun | None = None
        self._over = False

    def hear(self, pcm: bytes) -> None:
        """Take PCM16 mono at EARS_RATE, in pieces of any length."""
        if self._over:
            return
        self._unframed += pcm
        whole = len(self._unframed) // _FRAME * _FRAME
        for at in range(0, whole, _FRAME):
            self._frame(bytes(self._unframed[at : at + _FRAME]))
        del self._unframed[:whole]

    async def finish(self) -> str:
        """The turn is over: all its words, often known already. Empty where none were spoken."""
        self._over = True
        if self._partial:
            self._partial.cancel()
        try:
            if self._early is None and self._spoken:
                self._early = self._begin(Rank.FINAL)
            jobs = [*self._parts, self._early] if self._early else self._parts
            for job in jobs:
                job.hurry()
            text = _join([await job.future for job in jobs])
        finally:
            self.cancel()
        self._words.end(text)
        return text

    @property
    def so_far(self) -> str:
        """The words of the latest decode; the last of them may still change."""
        return " ".join(self._words.latest)

    def cancel(self) -> None:
        """Nobody wants the words any more."""
        self._over = True
        for job in (*self._parts, self._early, self._partial):
            if job:
                job.cancel()

    # What a frame of audio does

    def _frame(self, frame: bytes) -> None:
        speech = self._loudness.is_speech(frame)
        self._audio += frame
        if speech:
            self._spoken = len(self._audio)
            if self._early:
                self._early.cancel()
                self._early = None
            # The longer the turn, the dearer a decode: then there is one a quarter further on.
            if self._spoken - self._decoded >= max(_PARTIAL, len(self._audio) // 4):
                self._glimpse()
        elif not self._spoken:
            del self._audio[:-_LEAD]
            self._decoded = len(self._audio)
            return
        quiet = len(self._audio) - self._spoken
        if quiet == _QUIET:
            self._early = self._begin(Rank.EARLY)
        paused = quiet >= _PAUSE and len(self._audio) >= _PART
        if paused or len(self._audio) >= _ENDLESS:
            self._part()
        elif quiet > _PART:
            del self._audio[-_FRAME:]  # silence for ever needs no room

    def _begin(self, rank: Rank) -> _Begun | None:
        """Decode this part as far as it goes; what comes of it also helps to be certain."""
        pcm = bytes(self._audio[: self._spoken + _TAIL])
        job: _Begun | None
        if isinstance(self._ears, Startable):
            job = self._ears.start(pcm, rank)
        else:
            job = None if rank is Rank.PARTIAL else _Plain(self._ears, pcm)
        if job and self._partials and rank is not Rank.FINAL:
            job.future.add_done_callback(self._compare)
        return job

    def _glimpse(self) -> None:
        self._decoded = len(self._audio)
        if self._partials and (self._partial is None or self._partial.future.done()):
            self._partial = self._begin(Rank.PARTIAL)

    def _part(self) -> None:
        """Done with this part of a long turn; the next begins with what comes now."""
        job = self._early or self._begin(Rank.EARLY)
        if job is None:
            return  # no room just now: the part grows a little longer
        if self._partial:
            self._partial.cancel()  # what it finds is in this part already
        self._parts.append(job)
        self._audio.clear()
        self._spoken = self._decoded = 0
        self._early = None

    def _compare(self, decoded: asyncio.Future[str]) -> None:
        """A decode of the current part is there: what it shares with the one before is certain."""
        if self._over or decoded.cancelled() or decoded.exception():
            return
        texts = []
        for part in self._parts:
            if part.future is decoded:
                break
            if not part.future.done() or part.future.cancelled() or part.future.exception():
                return
            texts.append(part.future.result())
        self._words.guess(_join([*texts, decoded.result()]))


class _Words:
    """What of a transcript is certain: the words at its front that two guesses in a row share."""

    def __init__(self, on_words: Callable[[str], None]) -> None:
        self._on_words = on_words
        self.latest: list[str] = []
        self._told: list[str] = []

    def guess(self, text: str) -> None:
        """A guess in mid-turn; a full stop at its end says only that it was cut there."""
        now = text.split()
        sure = 0
        for mine, before in zip(now, self.latest, strict=False):
            if _bare(mine) != _bare(before):
                break
            sure += 1
        self.latest = now
        if now:
            now = [*now[:-1], now[-1].rstrip(".,;:?!…-") or now[-1]]
        self._tell(now[:sure])

    def end(self, text: str) -> None:
        """The text of the whole turn, all of it certain."""
        self._tell(text.split())

    def _tell(self, sure: list[str]) -> None:
        bare = [_bare(word) for word in sure]
        count = len(self._told)
        if len(bare) > count and bare[:count] == self._told:
            self._told = bare
            self._on_words((" " if count else "") + " ".join(sure[count:]))


def _bare(word: str) -> str:
    return re.sub(r"\W", "", word).casefold()


def _join(texts: list[str]) -> str:
    return " ".join(filter(None, texts))
