"""Relay: which messages of a model's server answer what a caller sent through, and are its own."""

from __future__ import annotations

from audio.convert import whole
from audio.format import Format
from gateway.assistants.fields import Json, inner, text
from gateway.protocol.sound import recoded

KEPT = 256  # questions that may be open at once; beyond that the oldest is forgotten

ALWAYS = frozenset({"rate_limits.updated"})
ITEMS = frozenset(
    f"conversation.item.{said}" for said in ("added", "done", "created", "retrieved", "deleted")
)


class Relay:
    """The open questions of one connection."""

    def __init__(self, call: Format, wire: Format) -> None:
        self._formats = call, wire
        self.open = False  # whether the caller speaks this protocol
        self._items: list[str] = []  # whose coming, state or going was asked for
        self._asides: list[str] = []  # answers outside the conversation, asked for
        self.answers: frozenset[str] = frozenset()  # those of them that have begun

    def sent(self, message: Json, request: str) -> Json:
        """A caller's message as it goes out, under the name of its request."""
        source, target = self._formats
        if source != target and isinstance(item := message.get("item"), dict):
            message = message | {"item": recoded(item, lambda sound: whole(sound, *self._formats))}
        if text(message, "type") == "response.create":
            self._asides.append(request)
            del self._asides[:-KEPT]
        else:
            self.expect_item(text(inner(message, "item"), "id") or text(message, "item_id"))
        return message | {"event_id": request}

    def expect_item(self, item_id: str) -> None:
        """What is said of this item's coming or going is for the caller."""
        if item_id and item_id not in self._items:
            self._items.append(item_id)
            del self._items[:-KEPT]

    def is_for_caller(self, event: Json) -> bool:
        """Whether the caller is to have this message."""
        kind = text(event, "type")
        if kind in ALWAYS:
            return True
        if kind in ITEMS:
            return (text(inner(event, "item"), "id") or text(event, "item_id")) in self._items
        response = inner(event, "response")
        response_id = text(response, "id") or text(event, "response_id")
        if kind == "response.created" and response.get("conversation_id", "") is None:
            return self._begins(response_id)
        if kind == "response.done" and response_id in self.answers:
            self.answers -= {response_id}
            return True
        return kind.startswith("response.") and response_id in self.answers

    def _begins(self, response_id: str) -> bool:
        if not self._asides:
            return False
        del self._asides[0]
        self.answers |= {response_id}
        return True
