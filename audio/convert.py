"""From one format of sound to another: decoded, resampled and encoded only where that is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from audio.format import Encoding, Format
from audio.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from audio.pcm import BYTES, audioop, samples

if TYPE_CHECKING:
    from audio.resample import Resampler

Change = Callable[[bytes], bytes]


def _swapped(data: bytes) -> bytes:
    samples(data)
    return audioop.byteswap(data, BYTES)


DECODERS: dict[Encoding, Change] = {
    "pcm16": bytes,  # as it is
    "pcm16be": _swapped,
    "pcmu": ulaw_decode,
    "pcma": alaw_decode,
}
ENCODERS: dict[Encoding, Change] = {
    "pcm16": bytes,  # as it is
    "pcm16be": _swapped,
    "pcmu": ulaw_encode,
    "pcma": alaw_encode,
}


def decode(audio: bytes, encoding: Encoding) -> bytes:
    """As PCM16 little-endian. Raises AudioError where a sample is cut in two."""
    return DECODERS[encoding](audio)


def encode(pcm: bytes, encoding: Encoding) -> bytes:
    """PCM16 little-endian in that encoding."""
    return ENCODERS[encoding](pcm)


class Converter:
    """A stream on its way from one format to another, piece by piece.

    Where only the encoding differs nothing is held back; where nothing differs nothing is touched.
    """

    def __init__(self, source: Format, target: Format) -> None:
        self.source, self.target = source, target
        self._same = source == target
        self._decode, self._encode = DECODERS[source.encoding], ENCODERS[target.encoding]
        self._resampler = None if source.rate == target.rate else _resampler(source, target)

    def push(self, audio: bytes) -> bytes:
        """The next piece; a resampler may keep the last milliseconds back."""
        if self._same:
            return audio
        pcm = self._decode(audio)
        if self._resampler is not None:
            pcm = self._resampler.push(pcm)
        return self._encode(pcm)

    def flush(self) -> bytes:
        """What was kept back, because the stream ends here; another may follow."""
        return self._encode(self._resampler.flush()) if self._resampler is not None else b""


def _resampler(source: Format, target: Format) -> Resampler:
    from audio.resample import Resampler  # it takes numpy, and telephones do without

    return Resampler(source.rate, target.rate)


def whole(audio: bytes, source: Format, target: Format) -> bytes:
    """A recording, not a stream: nothing is held back."""
    converter = Converter(source, target)
    return converter.push(audio) + converter.flush()
