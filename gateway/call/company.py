"""Company: the gateway's own word to a caller who waits for the model, not for the line."""

from __future__ import annotations

from gateway.call.plan import Plan
from gateway.call.voice import Voice


class Company:
    """Says that it goes on in a moment, and again, while nobody else can say anything."""

    def __init__(self, plan: Plan, voice: Voice) -> None:
        self._plan = plan
        self._voice = voice
        self._said = 0
        self._at: int | None = None

    def keep(self, *, waits: bool, busy: bool, now: int) -> None:
        """`busy`: somebody speaks, so that the caller need not be told that the line is alive."""
        if not waits:
            self._at = None
            return
        if self._at is None:
            self._at = now + self._plan.recovery.hold_after
        if now < self._at or busy:
            return
        self._at = now + self._plan.recovery.hold_every
        if self._plan.hold_notice:
            self._said += 1
            self._voice.announce(f"hold_{self._said}", self._plan.hold_notice)

    @property
    def deadline(self) -> int | None:
        """When the next word is due."""
        return self._at
