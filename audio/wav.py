"""Sound files: any that libsndfile knows as PCM16 mono, and WAV out, whole or as it comes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import soundfile
import soxr

from audio.floats import from_float
from audio.pcm import BYTES, AudioError

_BLOCK = 8_192  # samples read at once, that all that is done to them stays in the cache


@dataclass(frozen=True, slots=True)
class Info:
    """What a sound file says of itself."""

    rate: int
    channels: int
    frames: int  # samples of each channel
    format: str
    subtype: str

    @property
    def seconds(self) -> float:
        return self.frames / self.rate


def info(path: str | Path) -> Info:
    """What kind of sound file this is."""
    with _open(path) as file:
        return Info(file.samplerate, file.channels, file.frames, file.format, file.subtype)


def read(path: str | Path, *, rate: int, longest: float = 3600.0) -> bytes:
    """A sound file as PCM16 mono at `rate`: channels averaged, at most `longest` seconds."""
    with _open(path) as file:
        if file.frames == 0:
            raise AudioError(f"{path} is a sound file without sound; record something into it")
        seconds = file.frames / file.samplerate
        if seconds > longest:
            raise AudioError(
                f"{path} lasts {seconds:.0f} s, and at most {longest:.0f} s are taken; cut it"
            )
        return _mixed_down(file, path, rate)


def write(path: str | Path, pcm: bytes, rate: int, channels: int = 1) -> None:
    """PCM16, interleaved where there are several channels, as a WAV file."""
    with Recorder(path, rate, channels) as recorder:
        recorder.write(pcm)


class Recorder:
    """Writes a WAV file piece by piece. Used as a context manager it is closed in any case."""

    def __init__(self, path: str | Path, rate: int, channels: int = 2) -> None:
        self.path = Path(path)
        self._frame = channels * BYTES
        self._written = 0  # samples of each channel
        try:
            self._file = soundfile.SoundFile(
                str(path), "w", samplerate=rate, channels=channels, format="WAV", subtype="PCM_16"
            )
        except (soundfile.LibsndfileError, OSError, TypeError, ValueError) as error:
            raise self._failed("cannot be opened for writing", error) from error

    @property
    def samples(self) -> int:
        """How much of each channel has been written."""
        return self._written

    def write(self, pcm: bytes) -> None:
        """Add a piece, its channels interleaved."""
        if len(pcm) % self._frame:
            raise AudioError(
                f"a sample of {self._frame // BYTES} channel(s) has {self._frame} bytes, but "
                f"{len(pcm)} bytes came for {self.path}; write whole samples"
            )
        if self._file.closed:
            raise AudioError(f"{self.path} is closed; open another recorder to write more")
        try:
            self._file.buffer_write(pcm, dtype="int16")
        except (soundfile.LibsndfileError, OSError, AssertionError) as error:
            self._abandon()
            raise self._failed("cannot be written", error) from error
        self._written += len(pcm) // self._frame

    def close(self) -> None:
        """Finish the file. Closing twice does nothing."""
        if self._file.closed:
            return
        try:
            self._file.close()
        except (soundfile.LibsndfileError, OSError) as error:
            raise self._failed("cannot be finished", error) from error
        expected = self._written * self._frame
        if self.path.is_file() and self.path.stat().st_size < expected:
            raise self._failed(f"is shorter than the {expected} bytes written to it", None)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _abandon(self) -> None:
        try:
            self._file.close()
        except (soundfile.LibsndfileError, OSError):
            return  # the first error is the one to tell

    def _failed(self, what: str, error: Exception | None) -> AudioError:
        cause = f" ({error})" if error is not None and str(error) else ""
        return AudioError(
            f"{self.path} {what}{cause}; see that its folder exists, may be written, "
            "and that the disk has room"
        )


class _Forward(soundfile.SoundFile):  # type: ignore[misc]  # which has no types
    """A file that is read from its beginning to its end.

    Of one that can be seeked in, soundfile seeks after each piece to where it is. That costs time,
    and an MP3's next piece begins without what its decoder had kept of the one before.
    """

    def seekable(self) -> bool:
        return False


def _open(path: str | Path) -> soundfile.SoundFile:
    file = Path(path)
    if not file.is_file():
        what = "is a folder or device" if file.exists() else "does not exist"
        raise AudioError(f"{path} {what}; name a sound file, such as a WAV")
    try:
        if file.stat().st_size == 0:
            raise AudioError(f"{path} is empty, 0 bytes; name a sound file, such as a WAV")
        with file.open("rb"):
            pass  # libsndfile calls every refusal a system error; this one says why
        return _Forward(str(path))
    except OSError as error:
        raise AudioError(
            f"{path} cannot be read: {error.strerror}; mend its permissions"
        ) from error
    except (soundfile.LibsndfileError, TypeError) as error:
        raise AudioError(
            f"{path} is not a sound file that can be read ({error}); "
            "convert it to WAV, FLAC, Ogg or MP3"
        ) from error


def _mixed_down(file: soundfile.SoundFile, path: str | Path, rate: int) -> bytes:
    stream = None
    if file.samplerate != rate:
        stream = soxr.ResampleStream(file.samplerate, rate, 1, dtype="float32", quality="VHQ")
    out = bytearray()
    try:
        while (block := file.read(_BLOCK, dtype="float32", always_2d=True)).shape[0]:
            mono = block.mean(axis=1, dtype=np.float32)
            out += from_float(mono if stream is None else stream.resample_chunk(mono))
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{path} is broken or cut off ({error}); make it anew") from error
    if stream is not None:
        out += from_float(stream.resample_chunk(np.zeros(0, np.float32), last=True))
    if not out:
        raise AudioError(f"{path} is too short to hold one sample at {rate} Hz; record more")
    return bytes(out)
