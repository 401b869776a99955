"""Conversation: the items that a client has seen, in their order, and under which names.

An item has the name that the model gives it, save for a turn that the gateway detects: its name
is told when speech begins, long before the model gives it one. Both are kept together here.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.protocol.wire import Json, Refused

KEPT = 2048  # items; of a longer conversation the oldest are forgotten here, not by the model


@dataclass(slots=True)
class Seen:
    """An item as the client knows it."""

    item_id: str
    kind: str  # its type
    role: str = ""
    samples: int | None = None  # of assistant audio, where it has some: what is left of it


class Conversation:
    """What one client may name."""

    def __init__(self, conversation_id: str) -> None:
        self.id = conversation_id
        self._order: list[str] = []
        self._seen: dict[str, Seen] = {}
        self._models: dict[str, str] = {}  # the client's name -> the model's, where they differ
        self._clients: dict[str, str] = {}  # and back

    def add(self, item: Seen, after: str | None = None) -> str | None:
        """A new item, at the end or after another; returns which one it follows."""
        at = len(self._order)
        if after == "root":
            at = 0
        elif after in self._seen:
            at = self._order.index(after) + 1
        if item.item_id not in self._seen:
            self._order.insert(at, item.item_id)
            self._seen[item.item_id] = item
            self._forget_oldest()
        return self.before(item.item_id)

    def before(self, item_id: str) -> str | None:
        """The item that this one follows."""
        at = self._order.index(item_id) if item_id in self._seen else len(self._order)
        return self._order[at - 1] if at > 0 else None

    @property
    def last(self) -> str | None:
        """The latest item."""
        return self._order[-1] if self._order else None

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
        if self._seen.pop(item_id, None) is not None:
            self._order.remove(item_id)
        if (model := self._models.pop(item_id, None)) is not None:
            self._clients.pop(model, None)

    # ------------------------------------------------------------ names

    def bind(self, client: str, model: str) -> None:
        """One item, two names."""
        if client != model:
            self._models[client], self._clients[model] = model, client

    def to_model(self, item_id: str) -> str:
        """What the model calls it."""
        return self._models.get(item_id, item_id)

    def to_client(self, item_id: str) -> str:
        """What the client calls it."""
        return self._clients.get(item_id, item_id)

    def _forget_oldest(self) -> None:
        if len(self._order) > KEPT:
            self.remove(self._order[0])


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
