"""Quotas: how many calls one caller and one tenant may have at once, and begin in a minute."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from time import monotonic

from gateway.call.plan import Plan
from gateway.settings.quotas import Quotas
from gateway.switchboard import BusyError, Switchboard

MINUTE = 60.0
REMEMBERED = 10_000  # callers whose last minute is known


class TooManyError(BusyError):
    """There is room, but not for this caller or tenant; says which quota it is."""


class Quota:
    """The quotas of one gateway. A caller without a name is nobody in particular, and not limited.

    `clock` counts seconds, and never back, whatever happens to the time of day.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._begun: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def check(self, plan: Plan, quotas: Quotas, board: Switchboard) -> None:
        """Count a call that is about to begin. Raises TooManyError, and counts nothing then."""
        tenant, caller = (plan.tenant, ""), (plan.tenant, plan.caller)
        live = [session.plan for session in board.sessions]
        _at_once(live, tenant, quotas.tenant_calls, "quotas.tenant_calls")
        self._in_a_minute(tenant, quotas.tenant_per_minute, "quotas.tenant_per_minute")
        if plan.caller:
            _at_once(live, caller, quotas.caller_calls, "quotas.caller_calls")
            self._in_a_minute(caller, quotas.caller_per_minute, "quotas.caller_per_minute")
            self._note(caller, quotas.caller_per_minute)
        self._note(tenant, quotas.tenant_per_minute)

    def _in_a_minute(self, whose: tuple[str, str], limit: int, name: str) -> None:
        begun = self._begun.get(whose)
        if not limit or begun is None:
            return
        while begun and begun[0] <= self._clock() - MINUTE:
            begun.popleft()
        if len(begun) >= limit:
            raise TooManyError(f"{limit} calls have begun in a minute, as many as {name} allows.")

    def _note(self, whose: tuple[str, str], limit: int) -> None:
        if not limit:
            return
        self._begun.setdefault(whose, deque()).append(self._clock())
        self._begun.move_to_end(whose)
        while len(self._begun) > REMEMBERED:
            self._begun.popitem(last=False)


def _at_once(live: list[Plan], whose: tuple[str, str], limit: int, name: str) -> None:
    tenant, caller = whose
    count = sum(one.tenant == tenant and caller in ("", one.caller) for one in live)
    if limit and count >= limit:
        raise TooManyError(f"{count} calls are live, and {name} allows {limit} at once.")
