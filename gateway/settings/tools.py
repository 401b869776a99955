"""The settings of tools: where they come from, and what the caller hears while they run."""

from __future__ import annotations

from pydantic import Field

from gateway.call.plan import ToolPolicy
from gateway.settings.toolsources import Sources


class Tools(Sources):
    """What the assistant may call."""

    modules: tuple[str, ...] = Field(
        default=(),
        description="Python files (beside this one) or modules whose @tool functions it may call.",
        examples=[["tools.py", "shop.orders"]],
    )
    patience_s: float = Field(
        default=1.0,
        ge=0,
        le=60,
        description="Seconds of silence while a tool runs, after which the assistant says that it"
        " takes a moment; 0: never.",
    )
    interval_s: float = Field(
        default=8.0, ge=1, le=600, description="Seconds of silence after which it says so again."
    )
    phrase: str = Field(
        default="",
        max_length=300,
        description="What it says then, word for word; empty: its own words.",
        examples=["One moment, please."],
    )
    rounds: int = Field(
        default=10,
        ge=1,
        le=100,
        description="Answers in a row that may call tools, without a word of the caller between.",
    )
    at_once: int = Field(default=16, ge=1, le=100, description="Tools of a call at the same time.")

    def policy(self) -> ToolPolicy:
        """The same, as the call knows it."""
        return ToolPolicy(
            patience=round(self.patience_s * 1_000_000),
            interval=round(self.interval_s * 1_000_000),
            phrase=self.phrase,
            rounds=self.rounds,
            at_once=self.at_once,
        )
