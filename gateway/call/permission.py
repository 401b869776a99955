"""Permission: asks the caller whether the call may be kept, and finds out what the answer was.

The question is the first thing that the assistant says, word for word. The model's word does not
count: what the caller says after having heard it is judged by what was recognised, as for tools;
or a key is pressed. Until there is a yes there is none.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.call.consent import Consent
from gateway.call.effects import AGREED, REFUSED, Effect, ShowNotice, ShowWords
from gateway.call.plan import PrivacyPolicy
from gateway.call.toolwords import exactly

KEY = "privacy"  # of the question among others
YES = "The caller has agreed that the call is kept; it is from here on."
NO = "The caller has not agreed that the call is kept; nothing of it is."


class Permission:
    """Of one call."""

    def __init__(self, policy: PrivacyPolicy, consent: Consent) -> None:
        self._policy = policy
        self._consent = consent
        self.waits = False  # the question was put and is not answered yet
        self._asked = self._pressed = False

    def question(self) -> str:
        """Instructions to put the question; empty where none is to be put."""
        if not self._policy.asks:
            return ""
        if not self._asked:
            self._asked = self.waits = True
            self._consent.ask(KEY)
        return exactly(self._policy.phrase)

    def see(self, words: ShowWords) -> None:
        """Notice the key that agrees, of what the caller is said to have said."""
        if self._asked:
            self._pressed |= words.text.rstrip("#]") == f"[pressed {self._policy.key}"

    def settle(self, now: int) -> Iterator[Effect]:
        """Say once what the caller has answered, while that `waits`."""
        verdict = "agreed" if self._pressed else self._consent.judge(KEY, now)
        if verdict in ("agreed", "refused"):
            self.waits = False
            agreed = verdict == "agreed"
            yield ShowNotice(AGREED if agreed else REFUSED, YES if agreed else NO)
