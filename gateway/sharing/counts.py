"""Shared counts: the calls of several gateways, counted together in Redis, one script a question.

Each limit is a sorted set of calls, scored with the time at which they count no more, by Redis'
own clock. A live call counts until LEASE after its gateway said last that it lives; so the calls of
a gateway that died are soon forgotten.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from enum import Enum
from time import monotonic
from typing import TYPE_CHECKING, Literal

from gateway.admission.counts import Exceeded, Limit
from gateway.background import beside
from gateway.sharing.redis import failures, why
from gateway.sharing.scripts import RENEW, TAKE

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger(__name__)

PREFIX = "trunkline:count:"
LEASE = 20.0  # seconds
BEAT = 5.0
RETRY = 5.0  # seconds in which Redis is not asked after it did not answer


class Away(Enum):
    """Redis does not answer."""

    AWAY = "away"


AWAY: Literal[Away.AWAY] = Away.AWAY


class SharedCounts:
    """What this gateway holds of the common count."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._take = redis.register_script(TAKE)
        self._renew = redis.register_script(RENEW)
        self._held: dict[str, tuple[Limit, ...]] = {}
        self._turn = asyncio.Lock()  # so that no call is renewed after it was let go
        self._leaving: set[asyncio.Task[None]] = set()
        self._retry_at = 0.0

    async def exceeded(
        self, limits: Sequence[Limit], call_id: str
    ) -> Exceeded | Literal[Away.AWAY] | None:
        """The first limit without room; where all have some, the call is counted, if any."""
        if monotonic() < self._retry_at:
            return AWAY
        spans = ((one.most, round(1000 * (one.seconds or LEASE))) for one in limits)
        flat = (number for span in spans for number in span)
        try:
            place, left = await self._take([PREFIX + one.key for one in limits], [call_id, *flat])
        except failures() as error:
            self._retry_at = monotonic() + RETRY
            log.error("redis does not answer; this gateway counts by itself", extra=why(error))
            return AWAY
        if not place:
            return None
        limit = limits[int(place) - 1]
        return Exceeded(limit, int(left) / 1000 if limit.seconds else 0.0)

    def hold(self, call_id: str, limits: tuple[Limit, ...]) -> None:
        """The call goes on, until it is let go."""
        if live := tuple(one for one in limits if not one.seconds):
            self._held[call_id] = live

    def let_go(self, call_id: str) -> None:
        """The call has ended."""
        if (limits := self._held.pop(call_id, None)) is not None:
            task = asyncio.create_task(self._leave(call_id, limits), name="call leaves redis")
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def _leave(self, call_id: str, limits: tuple[Limit, ...]) -> None:
        async with self._turn:
            with suppress(*failures()):
                async with self._redis.pipeline(transaction=False) as pipe:
                    for limit in limits:
                        pipe.zrem(PREFIX + limit.key, call_id)
                    await pipe.execute()

    async def beat(self) -> None:
        """Say of every call that it lives."""
        async with self._turn:
            pairs = [(PREFIX + one.key, c) for c, limits in self._held.items() for one in limits]
            if not pairs:
                return
            keys, calls = zip(*pairs, strict=True)
            try:
                await self._renew(list(keys), [round(1000 * LEASE), *calls])
            except failures() as error:
                log.warning("redis does not answer; calls are not renewed", extra=why(error))

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            await asyncio.sleep(BEAT)
            await self.beat()

    async def wait_left(self) -> None:
        """Until all that have ended have left."""
        await asyncio.gather(*self._leaving)


@asynccontextmanager
async def open_shared_counts(redis: Redis) -> AsyncIterator[SharedCounts]:
    """Counts that are kept up."""
    counts = SharedCounts(redis)
    try:
        async with beside(counts.run(), "shared counts"):
            yield counts
    finally:
        await counts.wait_left()
