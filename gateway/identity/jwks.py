"""JWKS: the keys that an identity provider publishes, from a file or fetched and kept a while.

RFC 7517. Keys change: a token that names an unknown one leads to another look, but not often.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import msgspec
from httpx2 import AsyncClient, HTTPError

from gateway.errors import SettingsError

log = logging.getLogger(__name__)

LARGEST = 256 * 1024  # bytes
SECONDS = 5.0  # that the provider may take
FRESH = 3600.0  # seconds after which the keys are looked at again
RETRY = 30.0  # seconds between two looks
KINDS = {"RS256": "RSA", "ES256": "EC"}


class PublishedKeys:
    """The keys at one address. `clock` counts seconds, and never back."""

    def __init__(
        self, source: str, http: AsyncClient, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._http = http
        self._clock = clock
        self._keys: list[jwt.PyJWK] = []
        self._tried = self._read = float("-inf")
        self._reading = asyncio.Lock()
        if "://" not in source:
            self._keys = _from_file(Path(source))

    async def find(self, key_id: Any, algorithm: str) -> Any:
        """The key of that id for that algorithm; the only one fit for it where none is named."""
        if "://" in self._source and (
            self._clock() - self._read > FRESH or self._fitting(key_id, algorithm) is None
        ):
            await self._look()
        return self._fitting(key_id, algorithm)

    def _fitting(self, key_id: Any, algorithm: str) -> Any:
        fit = [
            one.key
            for one in self._keys
            if one.key_type == KINDS[algorithm]
            and one.algorithm_name == algorithm
            and (key_id is None or one.key_id == key_id)
        ]
        return fit[0] if len(fit) == 1 or (fit and key_id is not None) else None

    async def _look(self) -> None:
        async with self._reading:
            if self._clock() - self._tried < RETRY:
                return
            self._tried = self._clock()
            try:
                async with asyncio.timeout(SECONDS):
                    self._keys = _parsed(await self._fetch())
                self._read = self._clock()
            except (HTTPError, OSError, TimeoutError, ValueError) as error:
                reason = str(error) or type(error).__name__
                log.error("the identity provider's keys cannot be read", extra={"error": reason})

    async def _fetch(self) -> bytes:
        async with self._http.stream("GET", self._source, timeout=SECONDS) as answer:
            answer.raise_for_status()
            body = bytearray()
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > LARGEST:
                    raise ValueError(f"more than {LARGEST} bytes came")
        return bytes(body)


def _from_file(path: Path) -> list[jwt.PyJWK]:
    try:
        return _parsed(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(
            f"auth.jwks: {path}: {reason}; expected the URL or the file of a JSON Web Key Set"
        ) from None


def _parsed(body: bytes) -> list[jwt.PyJWK]:
    try:
        listed = msgspec.json.decode(body, type=dict[str, Any]).get("keys")
        if not isinstance(listed, list):
            raise ValueError("it has no list of keys")
        keys = [_key(one) for one in listed if isinstance(one, dict)]
    except msgspec.MsgspecError as error:
        raise ValueError(f"it is no JSON Web Key Set: {error}") from None
    found = [key for key in keys if key is not None]
    if not found:
        raise ValueError("it has no key for RS256 or ES256")
    return found


def _key(one: dict[str, Any]) -> jwt.PyJWK | None:
    """A public signing key that we know how to use; others may stand beside it."""
    if one.get("use", "sig") != "sig" or one.get("kty") not in KINDS.values():
        return None
    try:
        return jwt.PyJWK(one)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
