"""Codec: the call's PCM16 to and from the bytes that a model's server reads and writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from audio.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from audio.resample import Resampler
from gateway.assistants.capabilities import Law, WireFormat

Convert = Callable[[bytes], bytes]

OPEN_ITEMS = 64  # items whose audio may be under way at once; beyond that the oldest is forgotten


def _same(pcm: bytes) -> bytes:
    return pcm


ENCODERS: Mapping[Law, Convert] = {"pcm": _same, "pcmu": ulaw_encode, "pcma": alaw_encode}
DECODERS: Mapping[Law, Convert] = {"pcm": _same, "pcmu": ulaw_decode, "pcma": alaw_decode}


class Sending:
    """The caller's audio on its way to the model: one stream, in the order in which it is sent."""

    def __init__(self, rate: int, wire: WireFormat) -> None:
        self._encode = ENCODERS[wire.law]
        self._resampler = Resampler(rate, wire.rate) if rate != wire.rate else None

    def push(self, pcm: bytes) -> bytes:
        """The next piece as wire bytes; a resampler may keep the last two milliseconds back."""
        if self._resampler is not None:
            pcm = self._resampler.push(pcm)
        return self._encode(pcm)

    def flush(self) -> bytes:
        """What was kept back, because a turn ends here."""
        return self._encode(self._resampler.flush()) if self._resampler is not None else b""

    def reset(self) -> None:
        """Forget what was kept back."""
        if self._resampler is not None:
            self._resampler.flush()


class Receiving:
    """The model's audio on its way to the caller: a stream for each item, cut anywhere."""

    def __init__(self, rate: int, wire: WireFormat) -> None:
        self._rate = rate
        self._wire = wire
        self._decode = DECODERS[wire.law]
        self._halves: dict[str, bytes] = {}  # the first byte of a sample that was cut in two
        self._resamplers: dict[str, Resampler] = {}

    def push(self, item_id: str, data: bytes) -> bytes:
        """The next piece of an item as PCM16 at the call's rate."""
        if self._wire.law == "pcm":
            data = self._whole(item_id, data)
        pcm = self._decode(data)
        return pcm if self._rate == self._wire.rate else self._resampler(item_id).push(pcm)

    def end(self, item_id: str) -> bytes:
        """What was kept back of an item that is complete; half a sample is dropped."""
        self._halves.pop(item_id, None)
        resampler = self._resamplers.pop(item_id, None)
        return resampler.flush() if resampler is not None else b""

    def _whole(self, item_id: str, data: bytes) -> bytes:
        half = self._halves.pop(item_id, b"")
        if half:
            data = half + data
        if len(data) % 2:
            _bound(self._halves)
            self._halves[item_id] = data[-1:]
            data = data[:-1]
        return data

    def _resampler(self, item_id: str) -> Resampler:
        found = self._resamplers.get(item_id)
        if found is None:
            _bound(self._resamplers)
            found = self._resamplers[item_id] = Resampler(self._wire.rate, self._rate)
        return found


def _bound(table: dict[str, bytes] | dict[str, Resampler]) -> None:
    if len(table) >= OPEN_ITEMS:
        del table[next(iter(table))]
