"""The settings of money: what a call may cost, and what is said of it."""

from __future__ import annotations

from pydantic import Field

from gateway.call.plan import BudgetPolicy
from gateway.call.prices import NANO
from gateway.section import Section


class Budget(Section):
    """What a call may cost, by the prices that are shipped."""

    call_usd: float = Field(
        default=0.0,
        ge=0,
        le=1_000_000,
        description="US dollars for one call; when they are spent it ends with a goodbye. 0: any.",
        examples=[0.50],
    )
    warn_percent: int = Field(
        default=80, ge=1, le=100, description="Of that; then the caller is told that it ends soon."
    )
    warning: str = Field(
        default=BudgetPolicy().warning, description="For the model; empty: no warning."
    )
    goodbye: str = Field(default=BudgetPolicy().goodbye, min_length=1, description="For the model.")

    def policy(self) -> BudgetPolicy:
        """The same, as the call knows it."""
        limit = round(self.call_usd * NANO)
        return BudgetPolicy(limit, self.warn_percent, self.warning, self.goodbye)
