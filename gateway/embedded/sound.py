"""Audio between wire and parts: decoded for the ears, encoded from the mouth, cut in deltas."""

from __future__ import annotations

from audio import g711
from audio.resample import Resampler
from gateway.embedded.conversation import BYTES_PER_MS
from gateway.embedded.parts import EARS_RATE, MOUTH_RATE

FIRST_DELTA_MS = 40  # small, so that the first sound leaves at once
DELTA_MS = 160

_RATES = {"audio/pcm": 24_000, "audio/pcmu": 8_000, "audio/pcma": 8_000}


class Decoder:
    """A stream in a wire format as PCM16 at the ears' rate."""

    def __init__(self, audio_format: str) -> None:
        self._format = audio_format
        self._resampler = Resampler(_RATES[audio_format], EARS_RATE)
        self._odd = b""  # half a sample that came at the end of a message

    def push(self, data: bytes) -> bytes:
        if self._format == "audio/pcmu":
            return self._resampler.push(g711.ulaw_decode(data))
        if self._format == "audio/pcma":
            return self._resampler.push(g711.alaw_decode(data))
        data = self._odd + data
        whole = len(data) & ~1
        self._odd = data[whole:]
        return self._resampler.push(data[:whole])

    def realign(self) -> None:
        """What comes next begins with a whole sample."""
        self._odd = b""


class Encoder:
    """The mouth's PCM16 as a stream in a wire format, cut in deltas."""

    def __init__(self, audio_format: str) -> None:
        self.format = audio_format
        self._resampler = Resampler(MOUTH_RATE, _RATES[audio_format])
        self._held = bytearray()
        self._next = FIRST_DELTA_MS * BYTES_PER_MS[audio_format]

    def push(self, pcm: bytes) -> list[bytes]:
        """The deltas that are full by now."""
        return self._cut(self._resampler.push(pcm))

    def flush(self) -> list[bytes]:
        """The rest, when the item has no more audio."""
        deltas = self._cut(self._resampler.flush())
        if self._held:
            deltas.append(bytes(self._held))
            self._held.clear()
        return deltas

    def _cut(self, pcm: bytes) -> list[bytes]:
        self._held += self._encoded(pcm)
        deltas = []
        while len(self._held) >= self._next:
            deltas.append(bytes(self._held[: self._next]))
            del self._held[: self._next]
            self._next = DELTA_MS * BYTES_PER_MS[self.format]
        return deltas

    def _encoded(self, pcm: bytes) -> bytes:
        if self.format == "audio/pcmu":
            return g711.ulaw_encode(pcm)
        if self.format == "audio/pcma":
            return g711.alaw_encode(pcm)
        return pcm
