"""Quiet: what happens when nothing happens: a prompt to the caller, or the end of the call."""

from __future__ import annotations

from typing import Literal

from gateway.call.alarm import earliest
from gateway.call.plan import ExpiryPolicy, IdlePolicy

LAST_WORDS_US = 30_000_000  # a call that is to end when it is quiet ends after this at the latest

TOO_LONG = "the call has lasted as long as calls may"
EXPIRED = "what let the caller in has expired"

TRANSFER_FAILED = (
    "The caller could not be put through to {target}: {reason}. Say so in one sentence, and ask "
    "what else you can do."
)

Verdict = Literal["wait", "prompt", "transfer", "end"]


class Quiet:
    """Watches for calm: since when nobody speaks, thinks or works."""

    def __init__(self, policy: IdlePolicy, expiry: ExpiryPolicy) -> None:
        self._policy = policy
        self._expiry = expiry
        self._since: int | None = None
        self._prompts = 0
        self._hang_up_by: int | None = None
        self._target = ""  # to whom the caller is to be put through
        self._transfer_by: int | None = None
        self._put_through = False  # that was ordered, and nobody has said that it failed
        self.reason = ""  # why the call is to end
        self.deadline: int | None = None  # when something is to happen if nothing does before
        self._look_ahead()

    def follow(self, policy: IdlePolicy) -> None:
        """Go on by another policy."""
        self._policy = policy
        self._look_ahead()

    def caller_spoke(self) -> None:
        """The caller is there: start counting prompts again."""
        self._prompts = 0

    def hang_up(self, reason: str, now: int) -> None:
        """End the call at the next quiet moment; the first reason counts."""
        if self._hang_up_by is None:
            self.reason, self._hang_up_by = reason, now + LAST_WORDS_US
            self._look_ahead()

    def transfer(self, target: str, now: int) -> None:
        """Put the caller through at the next quiet moment; the last target counts."""
        self._target, self._transfer_by = target, now + LAST_WORDS_US
        self._look_ahead()

    @property
    def ends(self) -> bool:
        """Whether the call is to end at the next quiet moment."""
        return self._hang_up_by is not None

    def take_target(self, now: int) -> str:
        """To whom; said once. A call that is to end waits for what comes of it, or so long."""
        self._transfer_by, self._put_through = None, True
        if self._hang_up_by is not None:
            self._hang_up_by = now + LAST_WORDS_US
        self._look_ahead()
        return self._target

    def stays(self) -> None:
        """The caller could not be put through."""
        self._put_through = False

    def judge(self, *, calm: bool, now: int) -> Verdict:
        """What is to happen at this moment."""
        if calm is (self._since is None):
            self._since = now if calm else None
            self._look_ahead()
        leaves = calm and (self._transfer_by is not None or self._may_end)
        if not leaves and (self.deadline is None or now < self.deadline):
            return "wait"
        return self._due(calm=calm, now=now)

    def _due(self, *, calm: bool, now: int) -> Verdict:
        if self._policy.longest and now >= self._policy.longest:
            self.hang_up(TOO_LONG, now)
        if self._expiry.at and now >= self._expiry.at:
            if not self._expiry.finish:
                self.reason = EXPIRED
                return "end"
            self.hang_up(EXPIRED, now)
        if self._transfer_by is not None and (calm or now >= self._transfer_by):
            return "transfer"
        if self._hang_up_by is not None and ((calm and self._may_end) or now >= self._hang_up_by):
            return "end"
        if self._idle_at is None or now < self._idle_at:
            return "wait"
        if self._prompts >= self._policy.limit:
            self.reason = "idle"
            return "end"
        self._prompts += 1
        self._since = now  # should nothing come of it
        self._look_ahead()
        return "prompt"

    @property
    def _may_end(self) -> bool:
        """Whether the call is to end as soon as it is calm."""
        return self._hang_up_by is not None and not self._put_through

    @property
    def _idle_at(self) -> int | None:
        if not self._policy.after or self._since is None:
            return None
        return self._since + self._policy.after

    def _look_ahead(self) -> None:
        lasts = (self._policy.longest or None, self._expiry.at or None)
        if self._hang_up_by is not None:
            lasts = (None, None if self._expiry.finish else lasts[1])
        self.deadline = earliest((self._idle_at, self._hang_up_by, self._transfer_by, *lasts))
