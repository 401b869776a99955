"""The custodian: forgets callers on order, and calls when they are too old to be kept.

A caller who is in a call at that moment is not cut off. What there is of them is erased at once,
and the live call with all that it leaves within seconds of its end; the order waits in the books,
so that a crash in between changes nothing. Other gateways of the same database see the order there
and erase what lies on their own disks.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gateway.background import beside
from gateway.errors import TrunklineError
from gateway.privacy.holders import Dated, Holder, Kept, Whose

if TYPE_CHECKING:
    from gateway.store.erasing import Erasing, Erasure
    from gateway.store.noting import Audit
    from gateway.store.writer import Writer

log = logging.getLogger(__name__)

LOOK = 2.0  # seconds between two looks for orders
TIDY = 3600.0  # seconds between two looks for what is too old
WRITE_SECONDS = 10.0  # that what waits for the database may take
DAY_MS = 86_400_000
REMEMBERED_MS = 30 * DAY_MS  # that an order is carried out again at each start


class NothingHeldError(TrunklineError):
    """Nothing is held on such a caller."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What an order to forget has come to so far."""

    calls: int  # that have ended, and are gone
    things: int  # rows, files, keys
    live: int  # calls that are going on, and will be gone soon after their end


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days calls are kept, by tenant and else; 0 is for ever."""

    days: float = 0.0
    tenants: Mapping[str, float] | None = None

    def whose(self) -> list[tuple[str | None, float]]:
        """Each tenant with a rule of its own, and None for all others."""
        every = [(None, self.days), *(self.tenants or {}).items()]
        return [(tenant, days) for tenant, days in every if days]

    @property
    def longest(self) -> float:
        """The most days that anybody's calls are kept."""
        every = [self.days, *(self.tenants or {}).values()]
        return max(every) if all(every) else 0.0


class Custodian:
    """Of one gateway, or of a command. `writer`: what still has to reach the books first."""

    def __init__(
        self,
        erasing: Erasing,
        holders: Sequence[Holder],
        audit: Audit | None = None,
        writer: Writer | None = None,
        retention: Retention | None = None,
    ) -> None:
        self._erasing = erasing
        self._holders = list(holders)
        self._audit = audit
        self._writer = writer
        self._retention = retention or Retention()
        self._done: set[int] = set()  # orders that were carried out here
        self._busy = asyncio.Lock()

    def add(self, holder: Holder) -> None:
        """Something else that holds what has to be forgotten."""
        self._holders.append(holder)

    async def forget(self, tenant: str, caller: str, by: str = "") -> Forgotten:
        """Erase all that is held on a caller.

        Raises NothingHeldError, or TrunklineError where something cannot be erased now; then the
        order stands, and is tried again every few seconds by a gateway that runs.
        """
        if not caller:
            raise NothingHeldError("Expected the name of a caller, and none came.")
        async with self._busy:
            await self._written()
            order = await self._erasing.order(tenant, caller)
            done, things = await self._carry_out(order)
        if self._audit is not None:
            said = {"calls": len(done.calls), "things": things}
            self._audit.note("forgotten", by, tenant, caller=self._audit.alias(caller), **said)
        live = await self._erasing.calls_of(tenant, caller, order.at_ms)
        if not (things or live.live):
            raise NothingHeldError("Nothing is held on such a caller.")
        return Forgotten(len(done.calls), things, len(live.live))

    async def forget_calls(self, calls: Sequence[str], by: str = "") -> Forgotten:
        """Erase calls whoever's they are, as those of nobody known. Raises NothingHeldError."""
        async with self._busy:
            await self._written()
            order = await self._erasing.order("", "")
            await self._erasing.put(replace(order, calls=tuple(calls), done=True))
            things = await self._erase(Whose("", "", tuple(calls)))
            await self._erasing.scrub()
        if self._audit is not None:
            self._audit.note("forgotten", by, "", calls=list(calls), things=things)
        if not things:
            raise NothingHeldError("Nothing is held of such a call.")
        return Forgotten(len(calls), things, 0)

    async def export(self, tenant: str, caller: str) -> AsyncIterator[Kept]:
        """Every file of what is held on a caller, live calls apart."""
        await self._written()
        ended = (await self._erasing.calls_of(tenant, caller)).ended
        for holder in self._holders:
            async for kept in holder.export(Whose(tenant, caller, ended)):
                yield kept

    async def run(self) -> None:
        """Carry out orders, and see to it that nothing is kept too long, until cancelled."""
        tidied = -TIDY
        while True:
            try:
                await self.look()
                if time.monotonic() - tidied >= TIDY:
                    await self.tidy()
                    tidied = time.monotonic()
                    self._done.clear()  # once more, for rows that came late
            except (TrunklineError, OSError, TimeoutError) as error:
                log.error("something is not erased yet", extra={"error": str(error)})
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Carry out what was ordered, here or at another gateway, and is not done here."""
        now_ms = time.time_ns() // 1_000_000
        async with self._busy:
            for order in await self._erasing.orders(now_ms - REMEMBERED_MS):
                if order.seq not in self._done:
                    await self._carry_out(order)

    async def tidy(self) -> int:
        """Erase the calls that are older than they may become; says how many."""
        now_ms = time.time_ns() // 1_000_000
        tenants = tuple(self._retention.tenants or ())
        count = 0
        for tenant, days in self._retention.whose():
            before = now_ms - round(days * DAY_MS)
            while ids := await self._erasing.older(tenant, before, tenants):
                await self._erase(Whose(tenant or "", "", tuple(ids)))
                count += len(ids)
        if strays := await self._strays(now_ms):
            await self._erase(Whose("", "", tuple(strays)))
            count += len(strays)
        if count:
            await self._erasing.scrub(whole=False)
            log.info("calls were erased for their age", extra={"calls": count})
            if self._audit is not None:
                self._audit.note("expired", "", "", calls=count)
        return count

    async def _strays(self, now_ms: int) -> list[str]:
        """Files of calls that the books do not know, nor whose they were."""
        if not (days := self._retention.longest):
            return []
        before = now_ms - round(days * DAY_MS)
        dated = [one for one in self._holders if isinstance(one, Dated)]
        found = [await one.older(before) for one in dated]
        return await self._erasing.unknown(sorted(set().union(*found)))

    # ------------------------------------------------------------ one order

    async def _carry_out(self, order: Erasure) -> tuple[Erasure, int]:
        """Erase what can be erased; done once none of the caller's calls is live."""
        if order.done:
            await self._erase(Whose(order.tenant, "", order.calls))
            self._done.add(order.seq)
            return order, 0
        found = await self._erasing.calls_of(order.tenant, order.caller, order.at_ms)
        known = tuple(dict.fromkeys((*order.calls, *found.ended)))
        if known != order.calls:  # their names first: their rows are gone afterwards
            order = replace(order, calls=known)
            await self._erasing.put(order)
        things = await self._erase(Whose(order.tenant, order.caller, known))
        if not found.live:
            order = replace(order, done=True)
            await self._erasing.put(order)
            self._done.add(order.seq)
        if things or order.done:
            await self._erasing.scrub()
        return order, things

    async def _erase(self, whose: Whose) -> int:
        return sum([await holder.forget(whose) for holder in self._holders])

    async def _written(self) -> None:
        if self._writer is not None:
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._writer.wait_written()
            except TimeoutError:
                raise TrunklineError(
                    "The database is away, and rows wait on disk; ask again when it is back."
                ) from None


@asynccontextmanager
async def at_work(custodian: Custodian) -> AsyncIterator[Custodian]:
    """A custodian who looks after things."""
    async with beside(custodian.run(), "custodian"):
        yield custodian
