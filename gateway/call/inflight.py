"""In flight: what a program has put to the model and the model has not acknowledged.

A session that is lost may have heard of it or not, and is no more. So items are put to the next
session, once, behind the history; what asks about items of the lost one is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateway.call.effects import PassOn, Relay, ShowRefusal

KEPT = 256  # requests that may be open at once
KEPT_CHARACTERS = 48 * 1024 * 1024  # of all of them: three of the largest that the protocol has
SESSION_LOST = (
    "The session with the model was lost before it answered. Another one carries the conversation "
    "on, and knows its items under other names."
)
FULL = "Too much is waiting for the model already. Wait until some of it is acknowledged."

Message = dict[str, Any]


@dataclass(slots=True)
class _Open:
    """A request that is not answered, and the line that shows it, where it put words in."""

    relay: Relay
    size: int
    line: str = ""


class InFlight:
    """The open requests of one call, in the order in which they were made."""

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}
        self._size = 0
        self._asides: dict[str, Message] = {}  # answers that have begun
        self._outputs: dict[str, str] = {}  # function calls that were answered -> name of the item

    # ------------------------------------------------------------ what is asked

    def take(self, relay: Relay, *, away: bool) -> ShowRefusal | None:
        """A request goes to the model; gives its refusal where it does not.

        Of too many the oldest counts as taken, for not all servers acknowledge; while there is no
        session, `away`, the new one is refused.
        """
        size = _size(relay.message)
        while self._open and (len(self._open) >= KEPT or self._size + size > KEPT_CHARACTERS):
            if away:
                return ShowRefusal(relay.request, "too_many_in_flight", FULL)
            self.refused(next(iter(self._open)))
        self._open[relay.request] = _Open(relay, size)
        self._size += size
        return None

    def shown(self, request: str, line: str) -> None:
        """What it puts into the conversation stands in that line of the transcript."""
        self._open[request].line = line

    def output(self, call_id: str, item_id: str) -> None:
        """A function call is answered, in an item that the caller has named."""
        if item_id and len(self._outputs) < KEPT:
            self._outputs[call_id] = item_id

    # ------------------------------------------------------------ what comes of it

    def told(self, message: Message) -> None:
        """The model says something that is for the caller."""
        kind = str(message.get("type"))
        item = message.get("item") or {}
        named = item.get("id") or message.get("item_id")
        match kind.split("."):
            case ["conversation", "item", "added" | "created" | "done"]:
                self._answered("conversation.item.create", named)
                self._outputs = {c: i for c, i in self._outputs.items() if i != named}
            case ["conversation", "item", "retrieved" | "deleted" as verb]:
                self._answered(f"conversation.item.{verb.removesuffix('d')}", named)
            case ["response", "created"]:
                self._begun(message.get("response") or {})
            case ["response", "done"]:
                self._asides.pop(str((message.get("response") or {}).get("id")), None)

    def refused(self, request: str) -> None:
        """The model will not."""
        if (gone := self._open.pop(request, None)) is not None:
            self._size -= gone.size

    def _answered(self, kind: str, item_id: object) -> None:
        for request, one in self._open.items():
            asked = one.relay.message
            name = asked.get("item_id") or (asked.get("item") or {}).get("id")
            if asked.get("type") == kind and name == item_id:
                self.refused(request)
                return

    def _begun(self, response: Message) -> None:
        """The first answer outside the conversation that was asked for has begun."""
        for request, one in self._open.items():
            if one.relay.message.get("type") == "response.create":
                self.refused(request)
                self._asides[str(response.get("id"))] = response
                return

    # ------------------------------------------------------------ a session is lost

    @property
    def lines(self) -> frozenset[str]:
        """Lines of the transcript that need not be told: they come as the items that they are."""
        return frozenset(one.line for one in self._open.values() if one.line)

    def name_of(self, call_id: str) -> str:
        """The item under which the caller waits for the answer of a function to be taken."""
        return self._outputs.get(call_id, "")

    def away(self) -> Iterator[PassOn]:
        """Answers that were begun outside the conversation have no end but this."""
        begun, self._asides = self._asides, {}
        for response in begun.values():
            error = {"type": "server_error", "code": "session_lost"}
            details = {"type": "failed", "error": error}
            ended = {**response, "status": "failed", "status_details": details}
            yield PassOn({"type": "response.done", "response": ended})

    def again(self) -> Iterator[Relay | ShowRefusal]:
        """What a new session is to hear, and what it could not answer."""
        for request, one in list(self._open.items()):
            message = one.relay.message
            if message.get("type") in ("conversation.item.create", "response.create"):
                yield Relay(_placed(message), request)
            else:
                self.refused(request)
                yield ShowRefusal(request, "session_lost", SESSION_LOST)

    def lost(self, code: str, message: str) -> Iterator[ShowRefusal]:
        """There will be no other session."""
        for request in list(self._open):
            self.refused(request)
            yield ShowRefusal(request, code, message)


def _placed(message: Message) -> Message:
    """At the end, where it was to follow an item that now has another name."""
    if message.get("previous_item_id") in (None, "root"):
        return message
    return {key: value for key, value in message.items() if key != "previous_item_id"}


def _size(value: object) -> int:
    """Characters of all strings in it."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return sum(map(_size, value)) if isinstance(value, list) else 0
