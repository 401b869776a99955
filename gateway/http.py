"""HTTP to somebody else's API: a client that is made when something is first asked of it.

What it is made of takes memory and tens of milliseconds, its certificates above all, and many a
gateway never asks anybody. It is made in a thread, so that no call stands still meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from gateway.errors import TrunklineError

if TYPE_CHECKING:
    from httpx2 import AsyncClient


class NoAnswerError(TrunklineError):
    """The server could not be asked, or broke off. Its text is the kind of the fault, no more."""


class Answer(Protocol):
    """What a server said."""

    @property
    def status_code(self) -> int: ...
    @property
    def is_success(self) -> bool: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def content(self) -> bytes: ...
    @property
    def text(self) -> str: ...
    def json(self) -> Any: ...


class Http(Protocol):
    """A way to ask."""

    async def request(self, method: str, url: str, **more: Any) -> Answer:
        """The answer, whatever its status; `more` is as httpx takes it. Raises NoAnswerError."""
        ...


class LateClient:
    """A client that is made with the first request; used as a context manager."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds  # for an answer to come
        self._making = asyncio.Lock()
        self._client: AsyncClient | None = None

    async def __aenter__(self) -> LateClient:
        return self

    async def __aexit__(self, *of: object) -> None:
        await self.close()

    async def request(self, method: str, url: str, **more: Any) -> Answer:
        """The answer, whatever its status. Raises NoAnswerError."""
        client = await self._made()
        from httpx2 import HTTPError

        try:
            return await client.request(method, url, **more)
        except HTTPError as error:
            raise NoAnswerError(type(error).__name__) from error

    async def close(self) -> None:
        """Its connections, where there are any."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _made(self) -> AsyncClient:
        async with self._making:
            if self._client is None:
                self._client = await asyncio.to_thread(_make, self._seconds)
            return self._client


def _make(seconds: float) -> AsyncClient:
    from httpx2 import AsyncClient

    return AsyncClient(timeout=seconds)
