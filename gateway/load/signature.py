"""Signature: a short chord of tones that names an answer, and that no codec on the way unmakes.

Whoever hears an answer knows from it which session of the model made it, and which answer it was,
without any help of the gateway in between. Symbols of four bits, one tone each, 40 ms long.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

SYMBOL = 0.04  # seconds
TONES = tuple(600.0 + 150.0 * number for number in range(16))  # Hz: within a telephone's band
SYMBOLS = 7  # four for the session, two for the answer, one that proves the others
SECONDS = SYMBOL * SYMBOLS
SESSIONS, ANSWERS = 1 << 16, 1 << 8
LEVEL = 0.35  # of full scale
CLEAR = 3.0  # times that the tone of a symbol must be stronger than the next one, as power

Wave = npt.NDArray[np.float32]


def sign(session: int, answer: int, rate: int) -> Wave:
    """The sound that says which answer this is, SECONDS long; both count round."""
    return np.concatenate([_tone(nibble, rate) for nibble in _nibbles(session, answer)])


def read(heard: Wave, rate: int) -> tuple[int, int] | None:
    """Session and answer, from sound that begins where the signature does; nothing if it is none.

    The beginning may be wrong by 8 ms either way.
    """
    size = round(SYMBOL * rate)
    if len(heard) < size * SYMBOLS:
        return None
    found: list[int] = []
    edge = size // 5  # left out on either side
    for at in range(0, size * SYMBOLS, size):
        powers = np.abs(_probe(rate, size - 2 * edge) @ heard[at + edge : at + size - edge]) ** 2
        order = np.argsort(powers)
        if powers[order[-1]] < CLEAR * powers[order[-2]]:
            return None
        found.append(int(order[-1]))
    session, answer = _number(found[:4]), _number(found[4:6])
    return (session, answer) if found == _nibbles(session, answer) else None


def _nibbles(session: int, answer: int) -> list[int]:
    digits = [session >> shift & 15 for shift in (12, 8, 4, 0)]
    digits += [answer >> shift & 15 for shift in (4, 0)]
    return [*digits, (sum(digits) + 7) & 15]


def _number(digits: list[int]) -> int:
    value = 0
    for digit in digits:
        value = value << 4 | digit
    return value


@cache
def _tone(nibble: int, rate: int) -> Wave:
    times = np.arange(round(SYMBOL * rate)) / rate
    return (LEVEL * np.sin(2 * np.pi * TONES[nibble] * times)).astype(np.float32)


@cache
def _probe(rate: int, size: int) -> npt.NDArray[np.complex128]:
    times = np.arange(size) / rate
    window = np.hanning(size)
    return np.array([window * np.exp(-2j * np.pi * hz * times) for hz in TONES])
