"""Held: what the assistant says, in the order in which it came, until it may be heard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.call import events as on

Said = on.AssistantWords | on.AssistantAudio | on.ItemEnded | on.ResponseEnded


@dataclass(slots=True, eq=False)
class Waiting:
    """One event that waits for its turn."""

    event: Said
    since: int  # call time
    epoch: int  # of the session that it came from
    item_id: str = ""
    passed: bool = True  # its words were judged, or it has none
    covered: bool = True  # sound of which the words are known
    checks: set[str] = field(default_factory=set)  # that are not answered yet

    @property
    def clear(self) -> bool:
        """Whether nothing stands against it."""
        return self.passed and self.covered and not self.checks


class Held:
    """The events of one call that wait."""

    def __init__(self) -> None:
        self._queue: list[Waiting] = []

    def __bool__(self) -> bool:
        return bool(self._queue)

    def add(self, waiting: Waiting) -> None:
        """The newest."""
        self._queue.append(waiting)

    @property
    def first(self) -> Waiting | None:
        """The one that stands before all others."""
        return self._queue[0] if self._queue else None

    def pop(self) -> Waiting:
        """Take the first."""
        return self._queue.pop(0)

    def take(self, response_id: str) -> list[Waiting]:
        """Take all of an answer."""
        taken = [one for one in self._queue if one.event.response_id == response_id]
        self._queue = [one for one in self._queue if one.event.response_id != response_id]
        return taken

    def of_item(self, item_id: str) -> Iterator[Waiting]:
        """What waits of an item."""
        return (one for one in self._queue if one.item_id == item_id)

    def forget(self, epoch: int) -> None:
        """What other sessions have said is not heard any more."""
        if self._queue and self._queue[0].epoch != epoch:
            self._queue = [one for one in self._queue if one.epoch == epoch]
