"""The shelf: what workers share: keys with values that may expire, as a Redis would keep them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

LIMIT = 200_000  # keys; beyond that those that expire first go

T = TypeVar("T")


class KindError(Exception):
    """A key holds another kind of value than the command is for."""


class Shelf:
    """All of it. `clock`: seconds of the Unix epoch."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._values: dict[str, object] = {}
        self._until: dict[str, float] = {}  # milliseconds; keys that are not here stay

    def now_ms(self) -> int:
        """What time it is."""
        return int(self._clock() * 1000)

    def get(self, key: str, kind: type[T]) -> T | None:
        """The value, where there is one that has not expired. Raises KindError."""
        if self._until.get(key, math.inf) <= self.now_ms():
            self.drop(key)
        value = self._values.get(key)
        if value is not None and not isinstance(value, kind):
            raise KindError
        return value

    def put(self, key: str, value: object, until: float = math.inf) -> None:
        """Another value, until then; in milliseconds."""
        if key not in self._values and len(self._values) >= LIMIT:
            self._make_room()
        self._values[key] = value
        self.expire(key, until)

    def expire(self, key: str, until: float) -> None:
        """The value is good until then."""
        if until == math.inf:
            self._until.pop(key, None)
        else:
            self._until[key] = until

    def drop(self, key: str) -> bool:
        """Forget it; false where it was not there."""
        self._until.pop(key, None)
        return self._values.pop(key, None) is not None

    def own(self, key: str, make: Callable[[], T], kind: type[T]) -> T:
        """The collection at that key, which is new where there was none. Raises KindError."""
        found = self.get(key, kind)
        if found is None:
            found = make()
            self.put(key, found)
        return found

    def scores(self, key: str) -> dict[str, float]:
        """A sorted set: members with their scores."""
        return self.own(key, _Scores, _Scores)

    def fields(self, key: str) -> dict[str, str]:
        """A hash: names with their values."""
        return self.own(key, _Fields, _Fields)

    def kind(self, key: str) -> str:
        """What a key holds, as Redis calls it."""
        value = self.get(key, object)
        return next((name for name, kind in KINDS.items() if isinstance(value, kind)), "none")

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._values))

    def __len__(self) -> int:
        return len(self._values)

    def _make_room(self) -> None:
        now = self.now_ms()
        for key in [key for key, until in self._until.items() if until <= now]:
            self.drop(key)
        while len(self._values) >= LIMIT:
            self.drop(min(self._until or self._values, key=lambda one: self._until.get(one, 0.0)))


class _Fields(dict[str, str]):
    """A kind of its own, as _Scores is."""


class _Scores(dict[str, float]):
    """A kind of its own, so that no other collection is taken for it."""


KINDS: dict[str, type] = {
    "string": str,
    "hash": _Fields,
    "zset": _Scores,
    "stream": list,
}
