"""Savings: what trimming kept from being sent, counted in seconds, bytes, tokens and money."""

from __future__ import annotations

from gateway.call.effects import ShowSavings
from gateway.call.plan import Plan

TOKENS_PER_SECOND = 10  # of the caller's audio, one per 100 ms
PCM16 = 2  # bytes per sample
G711_RATE = 8_000  # at this rate the model is sent one byte per sample


class Savings:
    """Counts the caller's audio against what of it went to the model."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.heard = 0
        self.sent = 0

    def follow(self, plan: Plan) -> None:
        """Go on as another plan says."""
        self._plan = plan

    def show(self) -> ShowSavings:
        """The figures so far.

        Only under manual commit is silence billed: where the model detects turns, what lies
        between them costs bandwidth and no tokens, so none are counted as saved.
        """
        saved = max(0, self.heard - self.sent)
        width = 1 if self._plan.rate == G711_RATE else PCM16
        billed = 0 if self._plan.turns.by_model else saved
        tokens = billed * TOKENS_PER_SECOND // self._plan.rate
        return ShowSavings(
            heard=self.heard,
            sent=self.sent,
            bytes_saved=saved * width * 4 // 3,  # base64
            tokens_saved=tokens,
            money_saved=tokens * self._plan.audio_price / 1_000_000,
        )
