"""Shared stops: orders to end calls, and tokens that are revoked, for all gateways of one Redis."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.errors import TrunklineError
from gateway.sharing.redis import failures, why
from gateway.store.stop import Stop

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger(__name__)

ORDERS = "trunkline:stops"  # a stream
REVOKED = "trunkline:revocations"  # by the time at which each may be forgotten
SLACK = 3600.0  # seconds by which clocks may differ
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
            await self._prune()
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.xadd(ORDERS, {"stop": line}, maxlen=KEPT, approximate=True)
                if stop.kind == "token":
                    pipe.zadd(REVOKED, {line: stop.until + SLACK if stop.until else math.inf})
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
        stops = _read(fields[b"stop"] for _, fields in found)
        return stops, found[-1][0].decode() if found else place

    async def revoked(self) -> list[Stop]:
        """All tokens that were revoked and may not have expired yet. Raises TrunklineError."""
        try:
            await self._prune()
            return _read(await self._redis.zrange(REVOKED, 0, -1))
        except failures() as error:
            raise _away(error) from None

    async def _prune(self) -> None:
        now, _ = await self._redis.time()
        await self._redis.zremrangebyscore(REVOKED, "-inf", now)


def _read(lines: Iterable[bytes]) -> list[Stop]:
    """Those that are known here: a newer gateway may order what an older one cannot do."""
    stops = []
    for line in lines:
        try:
            stops.append(msgspec.json.decode(line, type=Stop))
        except msgspec.MsgspecError as error:
            log.error("an order to stop cannot be read", extra={"error": str(error)})
    return stops


def _away(error: Exception) -> TrunklineError:
    return TrunklineError(f"Redis does not answer: {why(error)['error']}")
