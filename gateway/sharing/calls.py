"""Shared calls: which calls live on the gateways of one Redis, so that each can name all of them.

Every gateway keeps a table of its own calls, which is forgotten when it does not say for a while
that it lives. It is brought up to date once a second.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.background import beside
from gateway.call.plan import Plan
from gateway.sharing.redis import failures, why
from gateway.switchboard import Switchboard

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger(__name__)

GATEWAYS = "trunkline:gateways"  # by the time, of Redis, until which each is believed to live
TABLE = "trunkline:calls:"
EACH = 1.0  # seconds
LIVES = 10.0  # seconds after the last sign of life


@dataclass(frozen=True, slots=True)
class LiveCall:
    """What every gateway knows of a call."""

    id: str
    tenant: str
    caller: str
    credential: str
    began_ms: int  # by the clock of its gateway
    via: str
    address: str
    called: str
    model: str
    gateway: str


class SharedCalls:
    """The calls of one gateway, and those of the others."""

    def __init__(
        self, redis: Redis, board: Switchboard, gateway: str, wall: Callable[[], float] = time.time
    ) -> None:
        self._redis: Any = redis  # its types have answers of either kind, text and bytes
        self._board = board
        self._gateway = gateway
        self._wall = wall
        self._told: dict[str, bytes] = {}  # of each call, what stands in the table
        self._away = False

    async def tell(self) -> None:
        """Bring our table up to date."""
        live = {session.plan.call_id: session.plan for session in self._board.sessions}
        new = {one: self._line(plan) for one, plan in live.items() if one not in self._told}
        over = [one for one in self._told if one not in live]
        key = TABLE + self._gateway
        wanted = {**{k: v for k, v in self._told.items() if k in live}, **new}
        try:
            now, _ = await self._redis.time()
            async with self._redis.pipeline(transaction=True) as pipe:
                if over:
                    pipe.hdel(key, *over)
                if new:
                    pipe.hset(key, mapping=new)
                pipe.hlen(key)
                pipe.pexpire(key, round(1000 * LIVES))
                pipe.zadd(GATEWAYS, {self._gateway: now + LIVES})
                *_, number, _, _ = await pipe.execute()
            if number != len(wanted):  # it was away for a while, or is another one now
                await self._redis.hset(key, mapping=wanted)
        except failures() as error:
            self._fail(error)
            self._told = {}
            return
        self._told, self._away = wanted, False

    async def others(self) -> list[LiveCall]:
        """The calls of the other gateways, the newest first; none while Redis is away."""
        try:
            now, _ = await self._redis.time()
            await self._redis.zremrangebyscore(GATEWAYS, "-inf", now)
            names = [name.decode() for name in await self._redis.zrange(GATEWAYS, 0, -1)]
            async with self._redis.pipeline(transaction=False) as pipe:
                for name in names:
                    if name != self._gateway:
                        pipe.hvals(TABLE + name)
                tables = await pipe.execute()
        except failures() as error:
            self._fail(error)
            return []
        found = [msgspec.json.decode(line, type=LiveCall) for table in tables for line in table]
        return sorted(found, key=lambda call: (-call.began_ms, call.id))

    async def leave(self) -> None:
        """This gateway ends."""
        await self.forget(self._gateway)

    async def forget(self, gateway: str) -> None:
        """That one has ended, and has no calls any more."""
        with suppress(*failures()):
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.delete(TABLE + gateway)
                pipe.zrem(GATEWAYS, gateway)
                await pipe.execute()

    async def run(self) -> None:
        """Keep the table until cancelled."""
        while True:
            await self.tell()
            await asyncio.sleep(EACH)

    def _line(self, plan: Plan) -> bytes:
        return msgspec.json.encode(live_call(plan, self._gateway, round(1000 * self._wall())))

    def _fail(self, error: Exception) -> None:
        if not self._away:
            log.error("redis does not answer; other gateways' calls are unknown", extra=why(error))
        self._away = True


def live_call(plan: Plan, gateway: str, began_ms: int) -> LiveCall:
    """A call as its plan tells of it."""
    told = plan.metadata
    return LiveCall(
        id=plan.call_id,
        tenant=plan.tenant,
        caller=plan.caller,
        credential=plan.credential,
        began_ms=began_ms,
        via=str(told.get("bridge") or told.get("door") or "browser"),
        address=str(told.get("from", "")),
        called=str(told.get("to", "")),
        model=plan.model,
        gateway=gateway,
    )


@asynccontextmanager
async def open_shared_calls(
    redis: Redis, board: Switchboard, gateway: str, before: str = ""
) -> AsyncIterator[SharedCalls]:
    """A table that is kept. `before`: the gateway that died, in whose place this one is."""
    calls = SharedCalls(redis, board, gateway)
    if before:
        await calls.forget(before)
    try:
        async with beside(calls.run(), "shared calls"):
            yield calls
    finally:
        await calls.leave()
