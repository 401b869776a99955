"""The Mouth: hibari on a thread of its own, or espeak-ng as a program where hibari is missing."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from audio.resample import Resampler
from gateway.embedded.parts import MOUTH_RATE, Mouth
from gateway.embedded.saying import Phrase, phrases, sayable
from gateway.errors import AssistantError

_FIRST: Final = MOUTH_RATE // 1000 * 40 * 2  # bytes of the first piece: to be heard soon
_PIECE: Final = MOUTH_RATE // 1000 * 200 * 2
_LOUD: Final = 0.008  # of full scale; what is quieter at a phrase's ends is no speech
_EDGE: Final = MOUTH_RATE // 1000 * 20  # samples kept around it: consonants begin softly
_SLOWEST, _FASTEST = 0.5, 2.0

_ESPEAK_RATE: Final = 22_050  # Hz, that of all its own voices
_ESPEAK_SPEED: Final = 165  # words a minute at speed 1
_WAV_HEADER: Final = 44  # bytes before the samples


class HibariMouth:
    """hibari's one voice, phrase by phrase; phrases of several calls take turns on one thread.

    A phrase takes about 1 % of the time it lasts. `voice` is not used: the package holds one
    voice, and would fetch others from the network. Speeds from 0.5 to 2 are real, others nearest.
    """

    def __init__(self, voice: Any) -> None:
        self._voice = voice
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mouth")

    @classmethod
    async def load(cls) -> HibariMouth:
        """A mouth that is loaded and warm: off the event loop. AssistantError if not installed."""
        return cls(await asyncio.get_running_loop().run_in_executor(None, _load_hibari))

    async def speak(
        self, text: str, *, voice: str = "", speed: float = 1.0
    ) -> AsyncIterator[bytes]:
        """PCM16 mono at MOUTH_RATE; nothing for a text without words."""
        loop = asyncio.get_running_loop()
        pace = min(_FASTEST, max(_SLOWEST, speed))
        first = True
        for phrase in phrases(sayable(text)):
            pcm = await loop.run_in_executor(self._thread, self._say, phrase, pace)
            for piece in _pieces(pcm, first):
                yield piece
            first = first and not pcm

    async def close(self) -> None:
        """End the thread; what it does just now takes milliseconds."""
        self._thread.shutdown(cancel_futures=True)

    def _say(self, phrase: Phrase, speed: float) -> bytes:
        # The seed is of the voice's breath noise: the same text sounds the same each time.
        wave: NDArray[np.float32] = self._voice(phrase.text, speed=speed, seed=1)
        wave = trimmed(wave)
        if not len(wave):
            return b""
        pause = np.zeros(int(phrase.pause * MOUTH_RATE / 1000 / speed), np.float32)
        samples = np.concatenate([wave, pause])
        return bytes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def _load_hibari() -> Any:
    try:
        from hibari import Hibari
    except ImportError as error:
        raise AssistantError(
            "the embedded assistant's voice, hibari-tts, is not installed:"
            ' pip install "trunkline[assistant]"'
        ) from error
    voice = Hibari(threads=1)
    voice.sess = _frugal(voice.model_path)
    voice("Hello.", seed=1)  # its word lists are read on first use
    return voice


def _frugal(model: str) -> Any:
    """hibari's own session keeps the memory of its longest phrase; this one gives it back."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def trimmed(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """A phrase without the silence that hibari puts around it, a third of a second on each side."""
    loud = np.flatnonzero(np.abs(wave) > _LOUD)
    if not len(loud):
        return wave[:0]
    kept = wave[max(0, loud[0] - _EDGE) : loud[-1] + 3 * _EDGE].copy()
    ramp = min(_EDGE // 2, len(kept) // 2)
    kept[:ramp] *= np.linspace(0, 1, ramp, dtype=np.float32)
    kept[len(kept) - ramp :] *= np.linspace(1, 0, ramp, dtype=np.float32)
    return kept


def _pieces(pcm: bytes, first: bool) -> Iterator[bytes]:
    at = 0
    while at < len(pcm):
        size = _FIRST if first and not at else _PIECE
        yield pcm[at : at + size]
        at += size


class EspeakMouth:
    """espeak-ng, one process an answer: robotic, but tiny and on every Linux."""

    def __init__(self, program: str = "espeak-ng") -> None:
        self._program = program
        self._running: set[asyncio.subprocess.Process] = set()

    async def speak(
        self, text: str, *, voice: str = "", speed: float = 1.0
    ) -> AsyncIterator[bytes]:
        """PCM16 mono at MOUTH_RATE; `voice` is not used."""
        said = "\n".join(phrase.text for phrase in phrases(sayable(text)))
        if not said:
            return
        pace = round(_ESPEAK_SPEED * min(_FASTEST, max(_SLOWEST, speed)))
        process = await self._start("-v", "en-us", "-s", str(pace), "--stdin", "--stdout")
        self._running.add(process)
        writing = asyncio.ensure_future(_write(process, said))
        try:
            async for piece in _converted(process):
                yield piece
            if status := await process.wait():
                raise AssistantError(
                    f"{self._program} ended with status {status} instead of 0;"
                    " see what it says by itself: espeak-ng hello"
                )
        finally:
            writing.cancel()
            with suppress(ProcessLookupError):
                process.kill()
            await asyncio.gather(writing, process.wait(), return_exceptions=True)
            self._running.discard(process)

    async def close(self) -> None:
        """Kill what still speaks."""
        for process in list(self._running):
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _start(self, *arguments: str) -> asyncio.subprocess.Process:
        pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        try:
            return await asyncio.create_subprocess_exec(
                self._program, *arguments, stdin=pipe, stdout=pipe, stderr=nowhere
            )
        except OSError as error:
            raise AssistantError(
                f"{self._program} could not be started ({error.strerror}); install espeak-ng, or"
                ' the better voice: pip install "trunkline[assistant]"'
            ) from error


async def _write(process: asyncio.subprocess.Process, text: str) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError, ConnectionResetError):  # it was killed, or says why by status
        process.stdin.write(text.encode() + b"\n")
        await process.stdin.drain()
    process.stdin.close()


async def _converted(process: asyncio.subprocess.Process) -> AsyncIterator[bytes]:
    """What it says, at MOUTH_RATE, as it comes."""
    assert process.stdout is not None
    resampler = Resampler(_ESPEAK_RATE, MOUTH_RATE)
    with suppress(asyncio.IncompleteReadError):
        await process.stdout.readexactly(_WAV_HEADER)
    rest = b""
    while read := await process.stdout.read(8192):
        rest += read
        whole = len(rest) & ~1
        if pcm := resampler.push(rest[:whole]):
            yield pcm
        rest = rest[whole:]
    if pcm := resampler.flush():
        yield pcm


async def find_mouth() -> Mouth:
    """The best voice that this machine has, loaded. AssistantError where there is none."""
    if find_spec("hibari"):
        return await HibariMouth.load()
    if program := shutil.which("espeak-ng"):
        return EspeakMouth(program)
    raise AssistantError(
        "the embedded assistant cannot speak: expected hibari-tts or espeak-ng, found neither."
        ' Install the voice with: pip install "trunkline[assistant]"'
    )
