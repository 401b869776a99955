"""Counts: who has how many calls at once, and has begun how many in the last minute; in memory."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

MINUTE = 60.0
REMEMBERED = 30_000  # of whom something is known; those that are counted longest ago go first


@dataclass(frozen=True, slots=True)
class Limit:
    """So many calls of somebody: at once, or begun in the time of `seconds`."""

    key: str  # whose
    most: int
    name: str  # of its setting
    seconds: float = 0.0  # 0: at once


@dataclass(frozen=True, slots=True)
class Exceeded:
    """One call more would be too many."""

    limit: Limit
    again: float  # seconds after which there may be room; 0: nobody knows


class Counts:
    """What one gateway has counted. `clock`: seconds, and never back whatever the time of day."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._until: OrderedDict[str, dict[str, float]] = OrderedDict()  # by key, of each call

    def exceeded(self, limits: Sequence[Limit]) -> Exceeded | None:
        """The first limit that has no room."""
        for limit in limits:
            until = self._counted(limit.key)
            if len(until) >= limit.most:
                again = min(until.values()) - self._clock() if limit.seconds else 0.0
                return Exceeded(limit, again)
        return None

    def add(self, call_id: str, limits: Sequence[Limit]) -> None:
        """Count a call."""
        for limit in limits:
            end = self._clock() + limit.seconds if limit.seconds else math.inf
            self._until.setdefault(limit.key, {})[call_id] = end
            self._until.move_to_end(limit.key)
        while len(self._until) > REMEMBERED:
            self._until.popitem(last=False)

    def over(self, call_id: str, limits: Sequence[Limit]) -> None:
        """The call has ended: it is no more one of those at once."""
        for limit in limits:
            if not limit.seconds and limit.key in self._until:
                self._until[limit.key].pop(call_id, None)
                self._counted(limit.key)

    def _counted(self, key: str) -> dict[str, float]:
        now, until = self._clock(), self._until.get(key, {})
        for call_id in [call_id for call_id, end in until.items() if end <= now]:
            del until[call_id]
        if not until:
            self._until.pop(key, None)
        return until

    def __len__(self) -> int:
        return len(self._until)
