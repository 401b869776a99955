"""Spending: keeps a call within its budget: a warning on the way there, a goodbye at its end."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.call.effects import Effect, Respond, ShowCost, ShowNotice
from gateway.call.events import Event, ResponseEnded
from gateway.call.meter import Meter
from gateway.call.plan import Plan
from gateway.call.quiet import Quiet
from gateway.call.responses import Responses
from gateway.call.router import Router
from gateway.call.tariff import Tariff

SPENT = "the call's budget is spent"


class Spending:
    """Looks at the meter after every event, so also in the middle of an answer."""

    def __init__(self, plan: Plan, responses: Responses, quiet: Quiet, router: Router) -> None:
        self._policy = plan.budget
        self._meter = Meter(plan) if plan.budget.limit else None
        self._tariff = Tariff(plan)
        self._costs: list[ShowCost] = []  # of answers that have ended
        self._responses = responses
        self._quiet = quiet
        self._router = router
        self._warned = self._over = self._goodbye_due = self._said_goodbye = False

    def see(self, what: Event | Effect) -> None:
        """Count an event or an order."""
        if isinstance(what, ResponseEnded) and (nano := self._tariff.prices.cost(what.usage)):
            self._costs.append(ShowCost(nano))
        self._tariff.see(what)
        if self._meter is None:
            return
        self._meter.see(what)
        if self._over and isinstance(what, Respond):
            self._said_goodbye = True

    @property
    def may_ask(self) -> bool:
        """Whether an answer may be paid for: at the end a goodbye, and no other."""
        return not (self._over and self._said_goodbye)

    @property
    def cuts_off(self) -> bool:
        """Whether the money has come to its end in the middle of an answer; said once."""
        if self._meter is None or self._over:
            return False
        self._over = self._goodbye_due = self._meter.spent >= self._policy.limit
        return self._over and self._responses.busy

    def settle(self, now: int) -> Iterator[Effect]:
        """A word on the way there, once; at the end a last sentence, after which the call ends."""
        yield from self._costs
        self._costs.clear()
        if self._meter is None:
            return
        if self._router.on:
            self._router.spent(self._meter.spent * 100 // self._policy.limit)
        if self._goodbye_due:
            self._goodbye_due = False
            yield ShowNotice("budget_spent", "This call has come to the end of its budget.")
            self._responses.want(self._policy.goodbye, may_call=False)
            self._quiet.hang_up(SPENT, now)
        elif not (self._warned or self._over) and self._is_low(self._meter):
            self._warned = True
            yield ShowNotice("budget_low", "This call comes to the end of its budget.")
            if self._policy.warning:
                self._responses.want(self._policy.warning)

    def _is_low(self, meter: Meter) -> bool:
        return meter.spent >= self._policy.limit * self._policy.warn_percent // 100
