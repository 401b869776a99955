"""Given: a budget that was set over the API, apart from the table that keeps it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Given:
    """What one tenant or caller may spend, in nanodollars; None: what the settings say, 0: any."""

    tenant: str
    caller: str = ""  # empty: the tenant itself
    call: int | None = None
    day: int | None = None
    month: int | None = None

    @property
    def empty(self) -> bool:
        """Whether it says nothing."""
        return self.call is None and self.day is None and self.month is None
