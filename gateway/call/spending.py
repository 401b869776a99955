"""Spending: keeps a call within its budgets: a warning on the way there, a last word at the end.

The call's own budget ends with a goodbye of the model, for which it may go over by a sentence. A
budget that is shared with other calls ends at once: what is paid for is heard, nobody asks the
model any more, and the last sentence is recorded and costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.call.effects import Effect, Respond, SendAudio, ShowCost, ShowNotice
from gateway.call.events import Event, Reserved, ResponseEnded, TransferFailed
from gateway.call.funds import Funds
from gateway.call.meter import COUNTED, Meter
from gateway.call.plan import Plan
from gateway.call.quiet import Quiet
from gateway.call.responses import Responses
from gateway.call.router import Router
from gateway.call.tariff import SEEN, Tariff
from gateway.call.voice import Voice

GO_ON = (
    "Your answer was stopped in the middle for a moment. Go on from where your last line ends, and "
    "repeat nothing."
)
BILLED = SEEN | {ResponseEnded}
METERED = BILLED | {*COUNTED, SendAudio, Respond, Reserved, TransferFailed}
SPENT = "the call's budget is spent"
SHARED_SPENT = "the budget of the caller or the tenant is spent"


class Spending:
    """Looks at the meter after every event, so also in the middle of an answer."""

    def __init__(
        self, plan: Plan, responses: Responses, quiet: Quiet, voice: Voice, router: Router
    ) -> None:
        self._policy = plan.budget
        self._meter = Meter(plan) if plan.budget.limit or plan.budget.shared else None
        self.sees: frozenset[type] = BILLED if self._meter is None else METERED
        self._funds = Funds() if plan.budget.shared else None
        self._tariff = Tariff(plan)
        self.counts = self._meter is not None  # what is said has a limit
        self._costs: list[ShowCost] = []  # of answers that have ended, and not told yet
        self._responses = responses
        self._quiet = quiet
        self._router = router
        self._voice = voice
        self._warned = self._tenant_warned = False
        self._over = self._end_due = self._said_goodbye = False
        self._mute = False  # no answer is asked for any more, not even for a goodbye
        self._reason = SPENT
        self._transferred = False
        self._paused = ""  # the answer that was stopped last, for want of money

    def see(self, what: Event | Effect) -> None:
        """Count an event or an order, of those that `sees` names."""
        if isinstance(what, ResponseEnded) and (nano := self._tariff.prices.cost(what.usage)):
            self._costs.append(ShowCost(nano))
        self._tariff.see(what)
        if self._meter is None:
            return
        self._meter.see(what)
        if self._over and isinstance(what, Respond):
            self._said_goodbye = True
        elif self._funds is not None and isinstance(what, Reserved):
            self._funds.granted(what)
        elif self._mute and isinstance(what, TransferFailed):
            self._end_due = True

    @property
    def may_ask(self) -> bool:
        """Whether an answer may be paid for: at the end a goodbye, and no other."""
        return not (self._over and (self._mute or self._said_goodbye))

    @property
    def waits(self) -> bool:
        """Whether an answer has to wait until it is known if it may be paid for."""
        if self._funds is None or self._meter is None or self._over:
            return False
        return not self._funds.suffices(self._meter.spent, self._meter.ahead)

    @property
    def cuts_off(self) -> bool:
        """Whether the money has come to its end in the middle of an answer; said once."""
        if self._meter is None or self._over:
            return False
        # Who is speaking is heard to the end: the last sentence is said in place of an answer.
        shared = self._funds is not None and self._funds.gone and self._responses.pending
        limit = self._policy.limit
        self._over = self._end_due = shared or bool(limit and self._meter.spent >= limit)
        self._mute = shared or (self._over and bool(self._policy.transfer))
        self._reason = SHARED_SPENT if shared else SPENT
        return self._over and not shared and self._responses.busy

    def settle(self, now: int) -> Iterator[Effect]:
        """A word on the way there, once; at the end a last one, after which the call ends."""
        yield from self._costs
        self._costs.clear()
        if self._meter is None:
            return
        if self._router.on:
            self._router.spent(self._percent(self._meter))
        yield from self._pause(self._meter, now)
        if self._end_due:
            self._end_due = False
            yield ShowNotice("budget_spent", "This call has come to the end of its budget.")
            self._end(now)
        elif not self._over:
            yield from self._warn(self._meter)

    def reserve(self, *, hears: bool) -> Iterator[Effect]:
        """Have money ready for what is wanted, or will be as the caller speaks; or give it back."""
        funds, meter = self._funds, self._meter
        if funds is None or meter is None:
            return
        if self._responses.busy and not self._over:
            yield from funds.prolong(meter.spent, meter.slice)
        elif (hears or self._responses.pending) and not self._over:
            yield from funds.expect(meter.spent, meter.ahead)
        else:
            yield from funds.rest(meter.spent)

    def finish(self) -> Iterator[Effect]:
        """The call is over: nothing is set aside for it any more."""
        if self._funds is not None and self._meter is not None:
            yield from self._funds.finish(self._meter.spent)

    def _pause(self, meter: Meter, now: int) -> Iterator[Effect]:
        """Stop an answer beyond what is set aside; it goes on when there is more, if there is."""
        active = self._responses.active
        if self._funds is None or active in ("", self._paused) or self._said_goodbye:
            return
        if not (self._funds.used_up(meter.spent) and meter.slice):
            return
        begun = self._voice.sounding == active
        self._paused = active
        yield from self._voice.cancel(now)
        if not self._over:
            self._responses.resume(GO_ON if begun else "")

    def _end(self, now: int) -> None:
        policy = self._policy
        if policy.transfer and not self._transferred:
            self._transferred = True
            self._say("budget_transfer", policy.transfer_notice)
            self._quiet.transfer(policy.transfer, now)
            return
        if self._mute:
            self._say("budget_goodbye", policy.last_notice)
        else:
            self._responses.want(policy.goodbye, may_call=False)
        self._quiet.hang_up(self._reason, now)

    def _say(self, item_id: str, recorded: bytes) -> None:
        if recorded:
            self._voice.announce(item_id, recorded)

    def _percent(self, meter: Meter) -> int:
        """How much of the call's own or its caller's budget is spent."""
        own = meter.spent * 100 // self._policy.limit if self._policy.limit else 0
        return max(own, self._funds.caller_percent) if self._funds is not None else own

    def _warn(self, meter: Meter) -> Iterator[Effect]:
        policy, funds = self._policy, self._funds
        warning = "" if funds is not None and funds.gone else policy.warning  # nobody pays for one
        if self._percent(meter) >= policy.warn_percent and not self._warned:
            self._warned = True
            if policy.cheaper:
                self._router.cheaper()
            yield ShowNotice("budget_low", "This call comes to the end of its budget.")
            if policy.told and warning:
                self._responses.want(warning)
        if funds is None or self._tenant_warned or funds.tenant_percent < policy.warn_percent:
            return
        self._tenant_warned = True
        if policy.tenant_cheaper:
            self._router.cheaper()
        if policy.tenant_told and warning and not self._warned:
            self._responses.want(warning)
