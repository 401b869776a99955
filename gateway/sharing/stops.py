"""Shared stops: orders to end calls, and tokens that are revoked, for all gateways of one Redis."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.errors import TrunklineError
from gateway.sharing.redis import failures, why
from gateway.store.stop import Stop

if TYPE_CHECKING:
    from redis.asyncio import Redis

ORDERS = "trunkline:stops"  # a stream
REVOKED = "trunkline:revoked"  # a set
KEPT = 10_000  # orders; the oldest go
BEFORE = "0"


class SharedStops:
    """The orders of one Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # its types have answers of either kind, text and bytes

    async def order(self, stop: Stop) -> None:
        """Let every gateway know. Raises TrunklineError."""
        line = msgspec.json.encode(asdict(stop))
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.xadd(ORDERS, {"stop": line}, maxlen=KEPT, approximate=True)
                if stop.kind == "token":
                    pipe.sadd(REVOKED, line)
                await pipe.execute()
        except failures() as error:
            raise _away(error) from None

    async def newest(self) -> str:
        """The place of the last one. Raises TrunklineError."""
        try:
            last = await self._redis.xrevrange(ORDERS, count=1)
        except failures() as error:
            raise _away(error) from None
        return last[0][0].decode() if last else BEFORE

    async def after(self, place: str) -> tuple[list[Stop], str]:
        """Those that came after that one, and the place of the last. Raises TrunklineError."""
        try:
            found = await self._redis.xrange(ORDERS, min=f"({place}")
        except failures() as error:
            raise _away(error) from None
        stops = [_read(fields[b"stop"]) for _, fields in found]
        return stops, found[-1][0].decode() if found else place

    async def revoked(self) -> list[Stop]:
        """All tokens that were ever revoked. Raises TrunklineError."""
        try:
            return [_read(line) for line in await self._redis.smembers(REVOKED)]
        except failures() as error:
            raise _away(error) from None


def _read(line: bytes) -> Stop:
    return msgspec.json.decode(line, type=Stop)


def _away(error: Exception) -> TrunklineError:
    return TrunklineError(f"Redis does not answer: {why(error)['error']}")
