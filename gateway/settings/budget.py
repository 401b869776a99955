"""The settings of money: what calls may cost, and what is said and done of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from gateway.call.plan import BudgetPolicy
from gateway.call.prices import NANO, OwnPrice
from gateway.section import Section
from gateway.settings.prices import PriceRow

Usd = Annotated[float, Field(ge=0, le=1_000_000)]
Measure = Literal["say", "cheaper", "both", "nothing"]


class Budget(Section):
    """What calls may cost, in US dollars; 0: any."""

    call_usd: Usd = Field(
        default=0.0,
        description="One call; when it is spent the call ends with a goodbye.",
        examples=[0.50],
    )
    caller_day_usd: Usd = Field(
        default=0.0, description="All calls of one caller in a day.", examples=[2.0]
    )
    caller_month_usd: Usd = Field(default=0.0, description="The same in a month.")
    tenant_day_usd: Usd = Field(
        default=0.0, description="All calls of one tenant in a day.", examples=[50.0]
    )
    tenant_month_usd: Usd = Field(default=0.0, description="The same in a month.")
    time_zone: str = Field(
        default="UTC",
        description="Where days and months begin at midnight.",
        examples=["Europe/Berlin"],
    )
    warn_percent: int = Field(
        default=80, ge=1, le=100, description="Of a budget; then at_warning is done."
    )
    at_warning: Measure = Field(
        default="say",
        description='Where it is the call\'s or the caller\'s: "say" the warning, "cheaper":'
        ' another model answers from the next turn on, "both", or "nothing".',
    )
    tenant_at_warning: Measure = Field(
        default="nothing", description="The same where it is the tenant's."
    )
    warning: str = Field(
        default=BudgetPolicy().warning, description="For the model; empty: no warning."
    )
    goodbye: str = Field(
        default=BudgetPolicy().goodbye,
        min_length=1,
        description="For the model, when the call's own budget is spent.",
    )
    goodbye_sound: str = Field(
        default="",
        description="Sound file for when a caller's or a tenant's budget is spent, as then no model"
        " is asked; empty: a sentence in English.",
        examples=["goodbye.wav"],
    )
    transfer: str = Field(
        default="",
        description="To whom callers are put through when a budget is spent, where their line can;"
        " empty: the call ends.",
        examples=["+15550100"],
    )
    transfer_sound: str = Field(
        default="", description="Sound file for that; empty: a sentence in English."
    )
    away_usd: Usd = Field(
        default=1.0,
        description="What each gateway may spend of each budget while Redis, or the books at the"
        " start, cannot be asked.",
    )

    prices: tuple[PriceRow, ...] = Field(
        default=(),
        description="Prices in place of those that are shipped: per million tokens of a model, or"
        " per minute of transcription. Of several for one model the newest counts that holds.",
        examples=[
            '[[budget.prices]]\nmodel = "my-model"\nsince = 2026-12-01\n'
            "text = { input = 4.0, cached = 0.4, output = 24.0 }\n"
            "audio = { input = 32.0, cached = 0.4, output = 64.0 }"
        ],
    )

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        try:
            if name != "UTC":
                ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("Input should be a time zone that this machine knows") from None
        return name

    def own_prices(self, today: date) -> tuple[OwnPrice, ...]:
        """Those that hold today, the newest last."""
        rows = sorted(self.prices, key=lambda row: row.since)
        return tuple(row.price() for row in rows if row.since <= today)

    def policy(self) -> BudgetPolicy:
        """The same, as the call knows it; its sounds are added where a call needs them."""
        return BudgetPolicy(
            limit=round(self.call_usd * NANO),
            warn_percent=self.warn_percent,
            warning=self.warning,
            goodbye=self.goodbye,
            told=self.at_warning in ("say", "both"),
            cheaper=self.at_warning in ("cheaper", "both"),
            tenant_told=self.tenant_at_warning in ("say", "both"),
            tenant_cheaper=self.tenant_at_warning in ("cheaper", "both"),
            transfer=self.transfer,
        )


def root_budget(folder: Path, values: dict[str, Any]) -> None:
    """Files are meant from the settings file's folder."""
    for name in ("goodbye_sound", "transfer_sound"):
        if isinstance(value := values.get(name), str) and value:
            values[name] = str(folder / Path(value).expanduser())
