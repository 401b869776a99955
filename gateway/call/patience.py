"""Patience: how long nobody may speak while tools work, before the assistant says a word."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.call import toolwords as say
from gateway.call.plan import ToolPolicy


class Patience:
    """Watches for dead air while tools are at work."""

    def __init__(self, policy: ToolPolicy) -> None:
        self._policy = policy
        self._since: int | None = None  # when the silence began, while tools are at work
        self._said = 0  # words since the tools began
        self.progress = ""  # what a tool has last reported and the caller does not know

    def judge(self, *, at_work: bool, free: bool, now: int) -> bool:
        """Whether a word is due. `free`: nobody speaks, and no answer is on its way."""
        if not at_work or not self._policy.patience:
            self._since, self._said, self.progress = None, 0, ""
            return False
        if not free:
            self._since = None
            return False
        if self._since is None:
            self._since = now
        return self.deadline is not None and now >= self.deadline

    @property
    def watches(self) -> bool:
        """Whether tools were at work when it was last asked."""
        return self._since is not None or self._said > 0 or self.progress != ""

    @property
    def deadline(self) -> int | None:
        """When a word will be due."""
        if self._since is None:
            return None
        return self._since + (self._policy.interval if self._said else self._policy.patience)

    def words(self, tools: Iterable[str]) -> str:
        """The instruction for the word that is due; it counts as given."""
        first, self._said = not self._said, self._said + 1
        if self.progress:
            told, self.progress = self.progress, ""
            return say.exactly(told)
        if self._policy.phrase:
            return say.exactly(self._policy.phrase)
        names = ", ".join(dict.fromkeys(name.replace("_", " ") for name in tools))
        return (say.WAITS if first else say.STILL_WAITS).format(names)
