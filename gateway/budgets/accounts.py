"""Accounts: which budgets a call spends: its caller's and its tenant's, of this day and month.

An account has the name of its day or month in the time zone of the settings. So a clock that is put
forward or back over midnight opens another account, or returns to one, and never empties one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import sha256
from typing import Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

Span = Literal["day", "month"]
SPANS: tuple[Span, ...] = ("day", "month")
# Seconds for which an account is kept where it is shared: its time, and some to look back at it.
UNLIMITED = 2**52  # nanodollars, as a limit: it is counted, and nobody is held to it
KEPT = {"day": 3 * 86_400, "month": 63 * 86_400}


@dataclass(frozen=True, slots=True)
class Period:
    """A day or a month."""

    span: Span
    name: str  # 2026-11-21 or 2026-11
    began_ms: int  # of the Unix epoch
    ends_ms: int


@dataclass(frozen=True, slots=True)
class Account:
    """What a tenant, or one of its callers, may spend in a period; in nanodollars."""

    tenant: str
    caller: str  # empty: of the whole tenant
    period: Period
    limit: int

    @property
    def name(self) -> str:
        """The same in every gateway, and no caller's number can be read in it.

        All of a tenant's have one slot of a Redis cluster.
        """
        return f"{named(self.tenant, self.caller)}:{self.period.name}"


def named(tenant: str, caller: str) -> str:
    """How the names of their accounts begin."""
    hidden = sha256(caller.encode()).hexdigest()[:32] if caller else ""
    return f"{{{quote(tenant, safe='')}}}:{hidden}"


class Calendar:
    """Says what day it is, in a time zone."""

    def __init__(self, zone: str = "UTC", now: Callable[[], float] = time.time) -> None:
        self._zone: tzinfo = UTC if zone == "UTC" else ZoneInfo(zone)
        self._now = now

    def period(self, span: Span) -> Period:
        """The day or the month that it is now."""
        now = datetime.fromtimestamp(self._now(), self._zone)
        first = now.date() if span == "day" else now.date().replace(day=1)
        after = first + timedelta(days=1 if span == "day" else 32)
        after = after if span == "day" else after.replace(day=1)
        name = first.isoformat() if span == "day" else first.isoformat()[:7]
        began, ends = (
            round(datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp() * 1000)
            for day in (first, after)
        )
        return Period(span, name, began, ends)
