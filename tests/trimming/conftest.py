"""Shared by the tests of trimming: the embedded assistant's ears, prepared once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.embedded.prepare import load, prepare


@pytest.fixture(scope="session")
def hear() -> Callable[..., str]:
    """What turns PCM16 at 16 kHz into words."""
    return load(prepare()).transcribe
