"""Codec: the call's audio to and from the bytes that a model's server reads and writes."""

from __future__ import annotations

from audio.convert import Converter
from audio.format import Format
from gateway.recent import keep

OPEN_ITEMS = 64  # items whose audio may be under way at once; beyond that the oldest is forgotten


class Receiving:
    """The model's audio on its way to the caller: a stream for each item, cut anywhere."""

    def __init__(self, wire: Format, call: Format) -> None:
        self._wire, self._call = wire, call
        self._is_wide, self._as_it_is = wire.width > 1, wire == call
        self._halves: dict[str, bytes] = {}  # the first byte of a sample that was cut in two
        self._converters: dict[str, Converter] = {}

    def push(self, item_id: str, data: bytes) -> bytes:
        """The next piece of an item in the call's format."""
        if self._is_wide:
            data = self._whole(item_id, data)
        return data if self._as_it_is else self._converter(item_id).push(data)

    def end(self, item_id: str) -> bytes:
        """What was kept back of an item that is complete; half a sample is dropped."""
        self._halves.pop(item_id, None)
        converter = self._converters.pop(item_id, None)
        return converter.flush() if converter is not None else b""

    def _whole(self, item_id: str, data: bytes) -> bytes:
        half = self._halves.pop(item_id, b"")
        if half:
            data = half + data
        if len(data) % 2:
            keep(self._halves, item_id, data[-1:], OPEN_ITEMS)
            data = data[:-1]
        return data

    def _converter(self, item_id: str) -> Converter:
        found = self._converters.get(item_id)
        if found is None:
            found = Converter(self._wire, self._call)
            keep(self._converters, item_id, found, OPEN_ITEMS)
        return found
