"""Search: how many calls to try next, so that the most a machine holds is found in few tries."""

from __future__ import annotations

from dataclasses import dataclass

NEAR = 0.1  # of the answer: tries that lie closer together say nothing new


@dataclass(slots=True)
class Search:
    """Twice as many each time until it is too many, then halfway between."""

    first: int
    most: int
    good: int = 0  # the most that went well
    bad: int = 0  # the fewest that did not; 0: none so far

    def next(self) -> int | None:
        """How many to try; nothing where enough is known."""
        if not self.bad:
            if self.good >= self.most:
                return None
            return min(self.most, self.good * 2 or self.first)
        gap = self.bad - self.good
        if gap <= max(1, round(NEAR * self.bad)):
            return None
        return self.good + gap // 2

    def tried(self, calls: int, well: bool) -> None:
        """So many went well, or did not."""
        if well:
            self.good = max(self.good, calls)
        else:
            self.bad = min(self.bad or calls, calls)
