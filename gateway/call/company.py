"""Company: what a caller hears of the gateway who waits for the model, not for the line.

First a soft tone, which tells that the line is alive and is over before an answer can come; then,
where it takes longer, words.
"""

from __future__ import annotations

from gateway.call.plan import Plan
from gateway.call.voice import Voice


class Company:
    """Gives a sign of life, and again, while nobody else can say anything."""

    def __init__(self, plan: Plan, voice: Voice) -> None:
        self._plan = plan
        self._voice = voice
        self._said = 0  # signs in this call
        self._tone = False  # whether this wait has had its tone
        self._begun = False  # whether it has had any sign
        self._at: int | None = None

    def keep(self, *, since: int | None, busy: bool, now: int) -> None:
        """`since`: when the wait began, if there is one; `busy`: somebody speaks."""
        if since is None:
            self._at, self._begun, self._tone = None, False, False
            return
        policy = self._plan.recovery
        if not self._begun:
            self._at = since + policy.hold_after
        if self._at is None or now < self._at or busy:
            return
        self._begun = True
        if self._plan.hold_tone and not self._tone:
            self._tone, self._at = True, now + policy.words_after
            self._say(self._plan.hold_tone)
        else:
            self._at = now + policy.hold_every
            self._say(self._plan.hold_notice)

    def _say(self, pcm: bytes) -> None:
        if pcm:
            self._said += 1
            self._voice.announce(f"hold_{self._said}", pcm)

    @property
    def deadline(self) -> int | None:
        """When the next sign is due."""
        return self._at
