"""Conversation: the items that a client has seen, in their order, and under which names.

An item has the name that the model gives it, save for a turn that the gateway detects: its name
is told when speech begins, long before the model gives it one. Both are kept together here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.protocol.wire import Json, Refused

KEPT = 512  # items; of a longer conversation the oldest are forgotten here, not by the model


@dataclass(slots=True)
class Seen:
    """An item as the client knows it."""

    item_id: str
    samples: int | None = None  # of assistant audio, where it has some: what is left of it
    model: str = ""  # what the model calls it, where that is something else


class Conversation:
    """What one client may name, in order."""

    def __init__(self, conversation_id: str) -> None:
        self.id = conversation_id
        self._seen: dict[str, Seen] = {}
        self._clients: dict[str, str] = {}  # the model's name -> the client's, where they differ

    def add(self, item: Seen, after: str | None = None) -> str | None:
        """A new item, at the end or after another; returns which one it follows."""
        if item.item_id not in self._seen:
            if after == "root" or after in self._seen:
                self._seen = dict(self._with(item, after))
            else:
                self._seen[item.item_id] = item
            if len(self._seen) > KEPT:
                self.remove(next(iter(self._seen)))
        return self.before(item.item_id)

    def _with(self, item: Seen, after: str | None) -> Iterator[tuple[str, Seen]]:
        """All items, with a new one between them."""
        if after == "root":
            yield item.item_id, item
        for name, seen in self._seen.items():
            yield name, seen
            if name == after:
                yield item.item_id, item

    def before(self, item_id: str) -> str | None:
        """The item that this one follows; of one that is not there yet, the latest."""
        found = item_id not in self._seen
        for name in reversed(self._seen):  # mostly it is among the latest itself
            if found:
                return name
            found = name == item_id
        return None

    def get(self, item_id: object) -> Seen | None:
        """The item of that name, if the client has seen one."""
        return self._seen.get(item_id) if isinstance(item_id, str) else None

    def find(self, item_id: object, code: str, doing: str) -> Seen:
        """The same, or Refused with that code."""
        found = self.get(item_id)
        if found is None:
            message = f"Error {doing} item: the item with id '{item_id}' does not exist."
            raise Refused(code, message, "item_id")
        return found

    def remove(self, item_id: str) -> None:
        """It is gone."""
        if (gone := self._seen.pop(item_id, None)) is not None:
            self._clients.pop(gone.model, None)

    # ------------------------------------------------------------ names

    def bind(self, item_id: str, model: str) -> None:
        """An item of the client's has that name with the model, by now."""
        seen = self._seen[item_id]
        self._clients.pop(seen.model, None)
        seen.model = "" if model == item_id else model
        if seen.model:
            self._clients[model] = item_id

    def to_model(self, item_id: str) -> str:
        """What the model calls it."""
        seen = self._seen.get(item_id)
        return seen.model or item_id if seen is not None else item_id

    def to_client(self, item_id: str) -> str:
        """What the client calls it."""
        return self._clients.get(item_id, item_id)


def user_turn(item_id: str) -> Json:
    """A turn of the caller as an item."""
    content = [{"type": "input_audio", "transcript": None}]
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": content,
    }
