"""Guards of one tool over all calls: a breaker, a cache, and places for runs at the same time."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tools.policy import Policy
from tools.result import Result

FAILURES = 5  # in a row, after which a tool is left alone for a while
REST = 30.0  # seconds
KEPT = 256  # results in one tool's cache


class Breaker:
    """Leaves a tool alone that fails and fails; after a rest one run may try it."""

    def __init__(self) -> None:
        self._failures = 0
        self._closed_at = 0.0  # when it may be tried again
        self._trying = False

    def allows(self, now: float) -> bool:
        """Whether the tool may be run now; where it rests, one run at a time tries it again."""
        if self._failures < FAILURES:
            return True
        if now < self._closed_at or self._trying:
            return False
        self._trying = True
        return True

    def worked(self) -> None:
        """It gave an answer, were it "there is no such order"."""
        self._failures, self._trying = 0, False

    def failed(self, now: float) -> bool:
        """It raised or gave no answer in time. True where the tool is now left alone."""
        self._failures += 1
        self._trying = False
        if self._failures >= FAILURES:
            self._closed_at = now + REST
        return self._failures == FAILURES

    def undecided(self) -> None:
        """It was cancelled: that proves nothing."""
        self._trying = False


class Cache:
    """Results of a tool by its arguments, each for a time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._kept: OrderedDict[str, tuple[float, Result]] = OrderedDict()

    def get(self, key: str, now: float) -> Result | None:
        """What these arguments gave, if it is still fresh."""
        until, result = self._kept.get(key, (0.0, None))
        return result if now < until else None

    def put(self, key: str, result: Result, now: float) -> None:
        """Keep a result; the oldest goes where there are too many."""
        if self._seconds:
            self._kept.pop(key, None)
            self._kept[key] = (now + self._seconds, result)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)


class Guards:
    """All that a toolbox remembers of one tool."""

    def __init__(self, policy: Policy) -> None:
        self.breaker = Breaker()
        self.cache = Cache(policy.cache)
        self._places = asyncio.Semaphore(policy.concurrency) if policy.concurrency else None

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Within this a run takes one of the tool's places; it waits for one that is free."""
        if self._places is None:
            yield
            return
        async with self._places:
            yield


def canonical(arguments_json: str) -> str:
    """The same text for the same arguments, in whatever order they were written."""
    try:
        return json.dumps(json.loads(arguments_json or "{}"), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments_json
