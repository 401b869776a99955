"""Which day and month it is, in a time zone, whatever the clock does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.budgets.accounts import Account, Calendar


class Wall:
    """The clock on the wall, which anybody may set."""

    def __init__(self, said: str) -> None:
        self.now = 0.0
        self.set(said)

    def set(self, said: str) -> None:
        self.now = datetime.fromisoformat(said).replace(tzinfo=UTC).timestamp()

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("zone", "day", "month", "began"),
    [
        ("UTC", "2026-03-31", "2026-03", "2026-03-31T00:00"),
        ("Europe/Berlin", "2026-04-01", "2026-04", "2026-03-31T22:00"),
        ("America/New_York", "2026-03-31", "2026-03", "2026-03-31T04:00"),
    ],
)
def test_a_day_begins_at_midnight_of_its_zone(zone: str, day: str, month: str, began: str) -> None:
    calendar = Calendar(zone, Wall("2026-03-31T22:30"))
    today = calendar.period("day")
    assert today.name == day
    assert calendar.period("month").name == month
    assert datetime.fromtimestamp(today.began_ms / 1000, UTC).isoformat()[:16] == began


def test_a_day_of_23_hours_and_a_december_end_where_the_next_begin() -> None:
    spring = Calendar("Europe/Berlin", Wall("2026-03-29T12:00")).period("day")
    assert spring.ends_ms - spring.began_ms == 23 * 3_600_000
    december = Calendar("UTC", Wall("2026-12-31T23:59")).period("month")
    assert december.ends_ms - december.began_ms == 31 * 86_400_000


def test_a_name_tells_accounts_apart_and_keeps_a_tenants_together() -> None:
    period = Calendar("UTC", Wall("2026-11-21T12:00")).period("day")
    names = [
        Account(tenant, caller, period, 1).name
        for tenant in ("acme", "ac}me", "a:b", "")
        for caller in ("", "+15550100", "2026-11-21", "a:b", "b}")
    ]
    assert len(set(names)) == len(names)
    assert names[0] == "{acme}::2026-11-21"
    assert "15550100" not in names[1]
    assert all(name.count("{") == name.count("}") == 1 for name in names)
