"""Sound files that grow and may break off anywhere: WAV and Ogg Opus, into whatever takes bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Protocol

from audio.pcm import BYTES, AudioError

HEADER = 44  # bytes of a WAV file before its sound
ENDLESS = 0xFFFFFFFF - HEADER  # as a length: nobody knows yet
OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)  # Hz

Write = Callable[[bytes], None]
Rewrite = Callable[[int, bytes], None]


class Container(Protocol):
    """Takes PCM16, its channels interleaved."""

    def add(self, pcm: bytes) -> None:
        """More sound. Raises OSError, AudioError."""
        ...

    def close(self) -> None:
        """No more comes."""
        ...


def wav_header(rate: int, channels: int, length: int) -> bytes:
    """The head of a WAV file with so many bytes of sound."""
    frame = channels * BYTES
    form = struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * frame, frame, 8 * BYTES)
    sizes = (min(length + HEADER - 8, 0xFFFFFFFF), min(length, 0xFFFFFFFF))
    head = b"RIFF" + struct.pack("<I", sizes[0]) + b"WAVEfmt " + form
    return head + b"data" + struct.pack("<I", sizes[1])


def with_length(header: bytes, size: int) -> bytes:
    """The head of a WAV file as it must be for a file of so many bytes."""
    channels, rate = struct.unpack_from("<HI", header, 22)
    return wav_header(rate, channels, size - HEADER)


class Wav:
    """A WAV file. Its head has its length where it can be rewritten, and else none."""

    def __init__(
        self, write: Write, rate: int, channels: int = 2, rewrite: Rewrite | None = None
    ) -> None:
        self._write, self._rewrite = write, rewrite
        self._form = (rate, channels)
        self._length = 0
        write(wav_header(*self._form, 0 if rewrite else ENDLESS))

    def add(self, pcm: bytes) -> None:
        """More sound."""
        self._write(pcm)
        self._length += len(pcm)
        if self._rewrite is not None:
            self._rewrite(0, wav_header(*self._form, self._length))

    def close(self) -> None:
        """No more comes."""


class Opus:
    """An Ogg Opus file; a page is about a second."""

    def __init__(self, write: Write, rate: int, channels: int = 2) -> None:
        if rate not in OPUS_RATES:
            raise AudioError(f"Opus has sound of {OPUS_RATES} Hz, but {rate} Hz came")
        import soundfile  # takes memory, and only Opus needs it

        self._pages = _Pages(write)
        self._file = soundfile.SoundFile(
            self._pages, "w", samplerate=rate, channels=channels, format="OGG", subtype="OPUS"
        )

    def add(self, pcm: bytes) -> None:
        """More sound."""
        if pcm:
            self._file.buffer_write(pcm, dtype="int16")
        self._pages.check()

    def close(self) -> None:
        """No more comes."""
        self._file.close()
        self._pages.check()


class _Pages:
    """A file as libsndfile wants one, which only grows. What goes wrong is kept for `check`."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._size = 0
        self._error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            self._write(bytes(data))
        except OSError as error:
            self._error = error
        self._size += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._size

    def tell(self) -> int:
        return self._size

    def read(self, count: int = -1) -> bytes:
        return b""

    def readinto(self, buffer: bytearray) -> int:
        return 0

    def check(self) -> None:
        if self._error is not None:
            raise self._error
