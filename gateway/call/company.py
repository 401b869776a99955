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
        self.begun = False  # whether it has had any sign
        self.deadline: int | None = None  # when the next sign is due

    def due(self, since: int | None, now: int) -> bool:
        """Whether a sign is due, unless somebody speaks; `since`: when the wait began, if any."""
        if since is None:
            self.deadline, self.begun, self._tone = None, False, False
            return False
        if not self.begun:
            self.deadline = since + self._plan.recovery.hold_after
        return self.deadline is not None and now >= self.deadline

    def keep(self, now: int) -> None:
        """Give the sign that is due."""
        policy = self._plan.recovery
        self.begun = True
        if self._plan.hold_tone and not self._tone:
            self._tone, self.deadline = True, now + policy.words_after
            self._say(self._plan.hold_tone)
        else:
            self.deadline = now + policy.hold_every
            self._say(self._plan.hold_notice)

    def _say(self, pcm: bytes) -> None:
        if pcm:
            self._said += 1
            self._voice.announce(f"hold_{self._said}", pcm)
