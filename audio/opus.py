"""Opus, RFC 6716, by the libopus that PyAV brings along: straight at the rate of a call.

A decoder asked for 24 kHz gives 24 kHz, whatever was encoded, so nothing is resampled; it can fill
in what was lost, which FFmpeg's own interface to it cannot. The calls take a tenth of a frame's
time at most, so they are made where they are needed, on no other thread.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from audio.pcm import BYTES, AudioError

RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
CLOCK = 48_000  # Hz of Opus timestamps in RTP, whatever the rate: RFC 7587, section 4.1
LONGEST = 120  # milliseconds of one packet
LARGEST = 1_275  # bytes of one frame

_AUDIO = 2_049  # OPUS_APPLICATION_AUDIO
_VOICE = 3_001  # OPUS_SIGNAL_VOICE
_AUTO = -1_000
_SET_BITRATE, _SET_COMPLEXITY, _SET_FEC, _SET_LOSS, _SET_SIGNAL = 4_002, 4_010, 4_012, 4_014, 4_024
_SET_DTX = 4_016


class OpusDecoder:
    """One stream of packets, as PCM16 mono at one of Opus' rates."""

    def __init__(self, rate: int) -> None:
        self.rate = _checked(rate)
        self._lib = library()
        failed = ctypes.c_int()
        self._state = ctypes.c_void_p(self._lib.opus_decoder_create(rate, 1, ctypes.byref(failed)))
        if failed.value:
            raise AudioError(f"libopus made no decoder for {rate} Hz: {self._said(failed.value)}")
        self._most = rate * LONGEST // 1_000
        self._out = (ctypes.c_int16 * self._most)()

    def decode(self, packet: bytes) -> bytes:
        """What the packet says. Raises AudioError where it is no Opus."""
        if not packet:
            raise AudioError("expected an Opus packet, and nothing came")
        return self._run(packet, len(packet), self._most, 0)

    def recover(self, after: bytes, samples: int) -> bytes:
        """What was lost before the packet `after`, from the copy in it where it has one."""
        return self._run(after, len(after), min(samples, self._most), 1)

    def conceal(self, samples: int) -> bytes:
        """A guess at what was lost, dying away where more and more is."""
        return self._run(None, 0, min(samples, self._most), 0)

    def samples(self, packet: bytes) -> int:
        """How many samples the packet holds. Raises AudioError where it is no Opus."""
        count: int = self._lib.opus_packet_get_nb_samples(packet, len(packet), self.rate)
        if count < 0:
            raise AudioError(f"no Opus packet: {self._said(count)}")
        return count

    def _run(self, packet: bytes | None, length: int, samples: int, fec: int) -> bytes:
        count = self._lib.opus_decode(self._state, packet, length, self._out, samples, fec)
        if count < 0:
            raise AudioError(f"no Opus packet: {self._said(count)}")
        return ctypes.string_at(self._out, count * BYTES)

    def _said(self, code: int) -> str:
        said: bytes = self._lib.opus_strerror(code)
        return said.decode()

    def __del__(self) -> None:
        if state := getattr(self, "_state", None):
            self._lib.opus_decoder_destroy(state)


class OpusEncoder:
    """PCM16 mono at one of Opus' rates, as packets of 20 ms."""

    def __init__(
        self, rate: int, *, bitrate: int = 32_000, complexity: int = 5, dtx: bool = False
    ) -> None:
        self.rate = _checked(rate)
        self._lib = library()
        failed = ctypes.c_int()
        self._state = ctypes.c_void_p(
            self._lib.opus_encoder_create(rate, 1, _AUDIO, ctypes.byref(failed))
        )
        if failed.value:
            raise AudioError(f"libopus made no encoder for {rate} Hz: error {failed.value}")
        self._set(_SET_BITRATE, bitrate)
        self._set(_SET_COMPLEXITY, complexity)
        self._set(_SET_DTX, int(dtx))  # packets of two bytes at most, while nobody speaks
        self._samples = rate // 50
        self._out = ctypes.create_string_buffer(LARGEST)

    def encode(self, frame: bytes) -> bytes:
        """20 ms as one packet."""
        if len(frame) != self._samples * BYTES:
            raise AudioError(
                f"expected 20 ms at {self.rate} Hz, {self._samples * BYTES} bytes, "
                f"and {len(frame)} came"
            )
        size = self._lib.opus_encode(self._state, frame, self._samples, self._out, LARGEST)
        if size < 0:
            raise AudioError(f"libopus did not encode a frame: error {size}")
        return self._out.raw[:size]

    def expect_loss(self, percent: int) -> None:
        """Where packets get lost: speak in the mode that carries a copy of the last one in each.

        It costs four times as much to make, so it is not used where nothing is lost.
        """
        self._set(_SET_FEC, int(percent > 0))
        self._set(_SET_LOSS, min(percent, 30))
        self._set(_SET_SIGNAL, _VOICE if percent else _AUTO)

    def _set(self, request: int, value: int) -> None:
        code = self._lib.opus_encoder_ctl(self._state, request, ctypes.c_int(value))
        if code:
            raise AudioError(f"libopus refused setting {request} to {value}: error {code}")

    def __del__(self) -> None:
        if state := getattr(self, "_state", None):
            self._lib.opus_encoder_destroy(state)


@cache
def library() -> ctypes.CDLL:
    """libopus, loaded once in a process. Raises AudioError where there is none."""
    for path in _places():
        try:
            return _declared(ctypes.CDLL(path))
        except (OSError, AttributeError):
            continue
    raise AudioError(
        "libopus was not found, neither inside the package av nor in the system; "
        "install trunkline[webrtc], or your system's libopus"
    )


def _places() -> Iterator[str]:
    """Inside PyAV's wheel, for Linux and for macOS; then wherever the system has it."""
    package = importlib.util.find_spec("av")
    if package is not None and package.origin is not None:
        folder = Path(package.origin).parent
        for inside in (folder.parent / "av.libs", folder / ".dylibs"):
            yield from map(str, sorted(inside.glob("libopus*")))
    if found := ctypes.util.find_library("opus"):
        yield found


def _declared(lib: ctypes.CDLL) -> ctypes.CDLL:
    lib.opus_decoder_create.restype = lib.opus_encoder_create.restype = ctypes.c_void_p
    lib.opus_strerror.restype = ctypes.c_char_p
    number, state = ctypes.c_int32, ctypes.c_void_p
    lib.opus_decode.argtypes = (state, ctypes.c_char_p, number, state, ctypes.c_int, ctypes.c_int)
    lib.opus_encode.argtypes = (state, ctypes.c_char_p, ctypes.c_int, state, number)
    lib.opus_packet_get_nb_samples.argtypes = (ctypes.c_char_p, number, number)
    # Named for the fixed part only: what follows is variadic, which some machines pass elsewhere.
    lib.opus_encoder_ctl.argtypes = (state, ctypes.c_int)
    lib.opus_decoder_destroy.argtypes = lib.opus_encoder_destroy.argtypes = (state,)
    return lib


def _checked(rate: int) -> int:
    if rate not in RATES:
        raise AudioError(f"Opus runs at {', '.join(map(str, RATES))} Hz, not at {rate}")
    return rate
