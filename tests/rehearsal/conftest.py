"""Shared by the rehearsal's tests: the plugin's fixture, also where Trunkline is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.rehearsal.plugin import trunkline

__all__ = ["trunkline"]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def samples() -> Path:
    """The folder of the samples."""
    return ROOT / "samples"
