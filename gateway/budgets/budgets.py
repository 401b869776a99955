"""Budgets: what tenants and their callers may spend on all their calls, in a day and in a month.

The settings give each the same; what an operator has given one of them beats that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from gateway.announcements import budget_spent, putting_through
from gateway.background import beside
from gateway.budgets.accounts import SPANS, UNLIMITED, Account, Calendar
from gateway.budgets.away import PatientLedger
from gateway.budgets.ledger import Claim, Grant, Ledger, LedgerAwayError, MemoryLedger
from gateway.budgets.purse import CallPurse
from gateway.call.plan import Plan
from gateway.call.prices import NANO
from gateway.errors import TrunklineError
from gateway.recent import keep
from gateway.settings import Settings
from gateway.sharing.redis import open_redis

if TYPE_CHECKING:
    from gateway.store.budgets import BudgetTable
    from gateway.store.given import Given
    from gateway.store.store import Store

log = logging.getLogger(__name__)

LOOK = 1.0  # seconds between two looks at what operators have changed
REMEMBERED = 10_000  # accounts of which the log has told
LAST_SECONDS = 5.0  # for what is still to be given back, when the gateway ends


@dataclass(frozen=True, slots=True)
class Allowed:
    """What somebody may spend, in nanodollars; 0: any."""

    call: int
    day: int
    month: int

    @property
    def spans(self) -> tuple[int, int]:
        """The day's and the month's."""
        return self.day, self.month


class Budgets:
    """Those of one gateway. `observe` is told how long each claim took, in seconds."""

    def __init__(
        self,
        settings: Settings,
        ledger: PatientLedger,
        table: BudgetTable | None = None,
        calendar: Calendar | None = None,
        observe: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self.table = table
        self._ledger = ledger
        self._given: dict[tuple[str, str], Given] = {}
        self._told: dict[str, int] = {}  # percent of which the log tells, by account
        self._tasks: set[asyncio.Task[None]] = set()
        self._observe = observe
        self._fixed = calendar
        self.take(settings)

    def take(self, settings: Settings) -> None:
        """Go on by other settings."""
        self.settings = settings.budget
        self._calendar = self._fixed or Calendar(settings.budget.time_zone)
        self._ledger.allowance = round(settings.budget.away_usd * NANO)

    def learn(self, given: list[Given]) -> None:
        """What operators have given to some."""
        for one in given:
            if one.empty:
                self._given.pop((one.tenant, one.caller), None)
            else:
                self._given[one.tenant, one.caller] = one

    @property
    def given(self) -> list[Given]:
        """What operators have given, by tenant and caller."""
        return [self._given[whose] for whose in sorted(self._given)]

    # ------------------------------------------------------------ whose and how much

    def allowed(self, tenant: str, caller: str = "") -> Allowed:
        """What that tenant may spend, or that caller of it."""
        own = self._given.get((tenant, caller))
        kind = "caller" if caller else "tenant"
        amounts = [round(getattr(self.settings, f"{kind}_{span}_usd") * NANO) for span in SPANS]
        call = round(self.settings.call_usd * NANO)
        if caller and (over := self._given.get((tenant, ""))) is not None:
            call = call if over.call is None else over.call
        if own is None:
            return Allowed(call, *amounts)
        day, month = (
            mine if mine is not None else amount
            for mine, amount in zip((own.day, own.month), amounts, strict=True)
        )
        return Allowed(call if own.call is None else own.call, day, month)

    def accounts(self, tenant: str, caller: str) -> list[Account]:
        """What a call of theirs spends now. A caller without a name is nobody in particular."""
        return [
            Account(tenant, whose, self._calendar.period(span), limit or UNLIMITED)
            for whose in ("", caller)[: 2 if caller else 1]
            for span, limit in zip(SPANS, self.allowed(tenant, whose).spans, strict=True)
        ]

    @property
    def on(self) -> bool:
        """Whether anybody has a budget that several calls spend."""
        budget = self.settings
        callers = budget.caller_day_usd or budget.caller_month_usd
        tenants = budget.tenant_day_usd or budget.tenant_month_usd
        given = (one.day or one.month for one in self._given.values())
        return bool(callers or tenants) or any(given)

    def fit(self, plan: Plan) -> Plan:
        """A call's plan with its budgets, as they are when it begins."""
        limit = self.allowed(plan.tenant, plan.caller).call
        if not (limit or self.on):
            return plan
        sounds = self.settings
        spent = budget_spent(plan.format, sounds.goodbye_sound)
        through = putting_through(plan.format, sounds.transfer_sound)
        budget = replace(
            plan.budget,
            limit=limit,
            shared=self.on,
            last_notice=spent,
            transfer_notice=through,
        )
        return replace(plan, budget=budget)

    def purse(self, plan: Plan) -> CallPurse | None:
        """For a call with that plan."""
        if not plan.budget.shared:
            return None
        return CallPurse(self, plan.call_id, plan.tenant, plan.caller)

    # ------------------------------------------------------------ the ledger

    async def claim(self, accounts: list[Account], claim: Claim) -> Grant:
        """Count what was spent and set the rest aside. Raises LedgerAwayError."""
        began = perf_counter()
        try:
            grant = await self._ledger.claim(accounts, claim)
        finally:
            self._observe(perf_counter() - began)
        for account, spent in zip(accounts, grant.spent, strict=True):
            self._tell(account, spent * 100 // account.limit)
        return grant

    def _tell(self, account: Account, percent: int) -> None:
        """Let operators know, once here, of a budget that is nearly spent, and of one that is."""
        step = 100 if percent >= 100 else self.settings.warn_percent
        if percent < step or self._told.get(account.name, 0) >= step:
            return
        keep(self._told, account.name, step, REMEMBERED)
        of = {"tenant": account.tenant, "callers": bool(account.caller)}
        said = {"period": account.period.name, "percent": percent, **of}
        log.warning("a budget comes to its end", extra=said)

    async def look(self, accounts: list[Account]) -> list[tuple[int, int]]:
        """Spent and set aside, of each, in nanodollars. Raises LedgerAwayError."""
        return await self._ledger.look(accounts)

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Do it beside the call, which may end before."""
        task = asyncio.create_task(work, name="budget")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self) -> None:
        """Learn what operators change, and settle what is owed, until cancelled."""
        while True:
            await asyncio.sleep(LOOK)
            with suppress(TrunklineError):  # who is away will be back
                if self.table is not None:
                    self.learn(await self.table.news())
            with suppress(LedgerAwayError):
                await self._ledger.settle()

    async def close(self) -> None:
        """What is still to be counted or given back is, if it takes no long time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                while self._tasks:
                    await asyncio.wait(set(self._tasks))


@asynccontextmanager
async def open_budgets(
    settings: Settings,
    store: Store | None,
    observe: Callable[[float], None] = lambda seconds: None,
) -> AsyncIterator[Budgets]:
    """The budgets of a gateway, with what was spent before it was started."""
    table = None if store is None else store.budgets
    before = partial(_before, table)
    async with AsyncExitStack() as parts:
        ledger: Ledger = MemoryLedger(before)
        if (redis := await parts.enter_async_context(open_redis(settings))) is not None:
            from gateway.budgets.shared import SharedLedger

            ledger = SharedLedger(redis, before)
        budgets = Budgets(settings, PatientLedger(ledger, before, 0), table, observe=observe)
        if table is not None:
            budgets.learn(await table.news())
        elif redis is None and budgets.on:
            log.warning("budgets begin anew whenever this gateway is started; set store.url")
        async with beside(budgets.run(), "budgets"):
            yield budgets
            await budgets.close()


async def _before(table: BudgetTable | None, account: Account) -> int:
    """What the books know of an account. Raises LedgerAwayError where they are away."""
    if table is None:
        return 0
    period = account.period
    try:
        return await table.spent(account.tenant, account.caller, period.began_ms, period.ends_ms)
    except TrunklineError as error:
        raise LedgerAwayError(str(error)) from error
