"""Waves for tests: samples as numbers, and any few of them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

WAVES = st.lists(st.integers(-32768, 32767), max_size=200).map(
    lambda values: np.array(values, "<i2").tobytes()
)


def of(*values: int) -> bytes:
    """Those samples as PCM16."""
    return np.array(values, "<i2").tobytes()


def values(wave: bytes) -> list[int]:
    """The samples of PCM16."""
    return [int(value) for value in np.frombuffer(wave, "<i2")]
