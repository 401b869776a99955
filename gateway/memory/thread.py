"""Threads: whose calls belong together."""

from __future__ import annotations

from gateway.call.plan import Plan
from gateway.settings.memory import Memory
from tools.memory import is_person


def thread_of(plan: Plan, settings: Memory, address: str = "") -> str:
    """The caller whose thread a call belongs to, within its tenant; empty: nobody's.

    `address` is what the caller's leg has said, of a caller whom nobody else has named.
    """
    if settings.callers == "none":
        return ""
    if is_person(plan.caller):
        return plan.caller
    return (plan.caller or address) if settings.callers == "all" else ""
