"""Reports: what the gateway itself lets a call know."""

from __future__ import annotations

from gateway.call.value import value


@value
class LoadReported:
    """The gateway carries so much of what it can, in percent."""

    percent: int


@value
class Reserved:
    """What was set aside: so much the call may come to, in nanodollars; how full budgets are."""

    number: int  # of the Reserve that it answers
    upto: int
    caller_percent: int = 0  # of the caller's budget that is nearest to its end
    tenant_percent: int = 0
