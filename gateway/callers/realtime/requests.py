"""Requests: what a client asks of the conversation, checked before the call hears of it.

What needs the model is relayed under a name of ours, so that its answer or its refusal finds the
way back to the client's own event id.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.call import events as on
from gateway.call.effects import FROM_CALLER, ShowRefusal
from gateway.call.events import CallerAsked, ToolAnswered
from gateway.callers.realtime.conversation import Conversation, Seen
from gateway.callers.realtime.stream import Stream
from gateway.protocol.sound import recoded
from gateway.protocol.wire import Json, Refused, missing, unknown_value, wrong_type
from gateway.recent import keep

KEPT = 256  # requests whose event id is remembered
ITEMS = ("message", "function_call", "function_call_output")  # that a client may create
ROLES = ("user", "assistant", "system")
LONGEST_NAME = 64  # characters of an item's id


class Requests:
    """The open requests of one client, and the functions that it owes an answer."""

    def __init__(self, stream: Stream, conversation: Conversation) -> None:
        self._stream = stream
        self._conversation = conversation
        self._event_ids: dict[str, str] = {}  # of requests that have one
        self._places: dict[str, str] = {}  # item asked for -> what it follows
        self._owed: dict[str, None] = {}  # function calls

    def named(self, event_id: str | None) -> str:
        """Our name for a request."""
        request = self._stream.name(FROM_CALLER.rstrip("_"))
        if event_id is not None:
            keep(self._event_ids, request, event_id, KEPT)
        return request

    def refused(self, refusal: ShowRefusal) -> None:
        """A request came to nothing: say so under the client's own id."""
        event_id = self._event_ids.pop(refusal.request, None)
        self._stream.refuse(Refused(refusal.code, refusal.message), event_id)

    def owe(self, call_id: str) -> None:
        """The client is to answer this function."""
        keep(self._owed, call_id, None, KEPT)

    # ------------------------------------------------------------ items

    def create(
        self, event: Json, event_id: str | None, sound: Callable[[bytes], bytes]
    ) -> CallerAsked | ToolAnswered:
        """An item is to be put into the conversation, its sound as the call has it. Refused."""
        item = event.get("item")
        if not isinstance(item, dict):
            raise missing("item") if item is None else wrong_type(item, "an object", "item")
        kind, named = item.get("type"), item.get("id")
        if kind not in ITEMS:
            raise missing("item.type") if kind is None else _unknown(kind, ITEMS, "item.type")
        if kind == "message" and item.get("role") not in ROLES:
            raise _unknown(item.get("role"), ROLES, "item.role")
        item_id = self._fresh(named)
        after = self._after(event.get("previous_item_id"))
        call_id = item.get("call_id")
        if kind == "function_call_output" and isinstance(call_id, str) and call_id in self._owed:
            return self._answer(item, call_id, item_id)
        named_item = recoded(item, sound) | {"id": item_id}
        message: Json = {"type": "conversation.item.create", "item": named_item}
        if after is not None:
            keep(self._places, item_id, after, KEPT)
            message["previous_item_id"] = self._conversation.to_model(after)
        return CallerAsked(message, self.named(event_id))

    def _answer(self, item: Json, call_id: str, item_id: str) -> ToolAnswered:
        output = item.get("output")
        if not isinstance(output, str):
            raise wrong_type(output, "a string", "item.output")
        del self._owed[call_id]
        return ToolAnswered(call_id, output, item_id)

    def _fresh(self, named: object) -> str:
        if named is None:
            return self._stream.name("item")
        if not isinstance(named, str):
            raise wrong_type(named, "a string", "item.id")
        if not named or len(named) > LONGEST_NAME:
            message = f"Invalid 'item.id': expected 1 to {LONGEST_NAME} characters."
            raise Refused("invalid_value", message, "item.id")
        if self._conversation.get(named) is not None:
            message = f"Error adding item: an item with id '{named}' already exists."
            raise Refused("item_create_duplicate_item_id", message, "item.id")
        return named

    def _after(self, previous: object) -> str | None:
        if previous is None or previous == "root":
            return None if previous is None else "root"
        code = "item_create_invalid_previous_item_id"
        return self._conversation.find(previous, code, "adding").item_id

    def ask(self, event: Json, event_id: str | None) -> CallerAsked:
        """An item is to be read or removed. Raises Refused."""
        doing = str(event["type"]).rpartition(".")[2]
        verb = {"retrieve": "retrieving", "delete": "deleting"}[doing]
        item = event.get("item_id")
        if not isinstance(item, str):
            raise missing("item_id") if item is None else wrong_type(item, "a string", "item_id")
        seen = self._conversation.find(item, f"item_{doing}_invalid_item_id", verb)
        message = {"type": event["type"], "item_id": self._conversation.to_model(seen.item_id)}
        return CallerAsked(message, self.named(event_id))

    def truncate(self, event: Json, rate: int) -> on.CallerCut:
        """The client has stopped an item: so much of it was heard. Raises Refused."""
        ms, index = event.get("audio_end_ms"), event.get("content_index")
        for value, name in ((ms, "audio_end_ms"), (index, "content_index")):
            if value is None:
                raise missing(name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise wrong_type(value, "an integer", name)
        assert isinstance(ms, int)
        code = "item_truncate_invalid_item_id"
        seen = self._conversation.find(event.get("item_id"), code, "truncating")
        if seen.samples is None:
            message = "Only model output audio messages can be truncated"
            raise Refused("unsupported_content_type", message, "item_id")
        have = seen.samples * 1000 // rate
        if ms < 0 or ms > have:
            message = f"Audio content of {have}ms is already shorter than {ms}ms"
            raise Refused("invalid_value", message, "audio_end_ms")
        seen.samples = ms * rate // 1000
        where = {"item_id": seen.item_id, "content_index": index, "audio_end_ms": ms}
        self._stream.emit("conversation.item.truncated", **where)
        return on.CallerCut(self._conversation.to_model(seen.item_id), seen.samples)

    # ------------------------------------------------------------ what comes back

    def pass_on(self, event: Json) -> None:
        """A message of the model's that is for the client, with the client's names."""
        kind = str(event.get("type"))
        fields = {k: v for k, v in event.items() if k not in ("type", "event_id")}
        item = fields.get("item")
        if isinstance(item, dict) and kind.startswith("conversation.item."):
            fields["item"] = item = self._as_seen(item)
            if kind != "conversation.item.retrieved":
                fields["previous_item_id"] = self._placed(item)
        elif kind == "conversation.item.deleted":
            fields["item_id"] = self._conversation.to_client(str(fields.get("item_id")))
            self._conversation.remove(fields["item_id"])
        self._stream.emit(kind, **fields)

    def _placed(self, item: Json) -> str | None:
        item_id = str(item.get("id"))
        if self._conversation.get(item_id) is None:
            return self._conversation.add(Seen(item_id), self._places.pop(item_id, None))
        return self._conversation.before(item_id)

    def _as_seen(self, item: Json) -> Json:
        """The client's name for it; its audio is in the gateway's format, and is left out."""
        item = item | {"id": self._conversation.to_client(str(item.get("id")))}
        if isinstance(content := item.get("content"), list):
            item["content"] = [
                {k: v for k, v in part.items() if k != "audio"} if isinstance(part, dict) else part
                for part in content
            ]
        return item


def _unknown(value: object, known: tuple[str, ...], param: str) -> Refused:
    return unknown_value(value, list(known), param)
