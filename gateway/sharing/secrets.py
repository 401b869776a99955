"""Shared secrets: client secrets that one gateway gives out and any of one Redis may redeem, once.

In Redis lies a hash of each: who reads it there cannot call with it.
"""

from __future__ import annotations

import asyncio
import logging
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from gateway.doors.client_secrets import NOT_GOOD, ClientSecret, ClientSecrets
from gateway.protocol.wire import Refused
from gateway.sharing.redis import failures, why

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger(__name__)

PREFIX = "trunkline:secret:"


class SharedSecrets:
    """Each is kept here as well: while Redis is away, it is good where it was given out."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._only_here: set[str] = set()  # what Redis did not take

    def send(self, secret: ClientSecret, seconds: int) -> None:
        """Let the other gateways know of a new one, soon."""
        task = asyncio.create_task(self._send(secret, seconds), name="client secret to redis")
        self._sending[secret.value] = task
        task.add_done_callback(lambda _: self._sending.pop(secret.value, None))

    async def redeem(self, here: ClientSecrets, value: str, origin: str) -> ClientSecret:
        """What it stands for, once among all gateways. Raises Refused."""
        if (task := self._sending.get(value)) is not None:
            await task
        if value in self._only_here:
            return self._from_here(here, value, origin)
        key = _key(value)
        try:
            found = await self._redis.get(key)
            secret = msgspec.json.decode(found, type=ClientSecret) if found else None
            if secret is None or not secret.fits(origin):
                raise Refused("invalid_api_key", NOT_GOOD)
            if not await self._redis.delete(key):
                raise Refused("invalid_api_key", NOT_GOOD)  # another was faster
        except failures() as error:
            log.error("redis does not answer; a secret is looked for here", extra=why(error))
            return here.redeem(value, origin)
        here.forget(value)
        return secret

    def _from_here(self, here: ClientSecrets, value: str, origin: str) -> ClientSecret:
        secret = here.redeem(value, origin)
        self._only_here.discard(value)
        return secret

    async def _send(self, secret: ClientSecret, seconds: int) -> None:
        line = msgspec.json.encode(secret)
        try:
            await self._redis.set(_key(secret.value), line, px=seconds * 1000)
        except failures() as error:
            if len(self._only_here) >= 10_000:  # as many as may wait here
                self._only_here.clear()
            self._only_here.add(secret.value)
            log.error("redis does not answer; a secret is good here only", extra=why(error))


def _key(value: str) -> str:
    return PREFIX + sha256(value.encode(errors="replace")).hexdigest()
