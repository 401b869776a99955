"""A conversation: its items in order, their truncation, and what a mind reads in them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.embedded.parts import Called, Heard, Line, Returned, Said, Told
from gateway.protocol import schema
from gateway.protocol.schema import Check, Fields, list_of, nullable, one_of, text
from gateway.protocol.wire import (
    Json,
    Refused,
    decode_audio,
    encode_audio,
    missing,
    new_id,
    unknown_value,
    wrong_type,
)

BYTES_PER_MS = {"audio/pcm": 48, "audio/pcmu": 8, "audio/pcma": 8}
SLACK_MS = 20  # a piece that lacks no more than this was heard whole
CHARS_PER_SECOND = 15  # of English at 150 words a minute; used only for a sentence cut while made


@dataclass(slots=True)
class Sound:
    """The audio of one content part, as on the wire; `ms` stays when the bytes are gone."""

    data: bytes
    ms: float
    format: str


@dataclass(slots=True)
class Piece:
    """Words that the assistant speaks in one go, and how long they take."""

    text: str
    ms: float = 0.0
    whole: bool = False  # all of its audio has been made

    def heard(self, ms: float) -> str:
        """The words that were complete after so much of it had been played."""
        if self.whole and ms + SLACK_MS >= self.ms:
            return self.text
        total = self.ms if self.whole else max(self.ms, len(self.text) * 1000 / CHARS_PER_SECOND)
        reach = len(self.text) * ms / total if total else 0.0
        kept, at = 0, 0
        for word in self.text.split():
            at = self.text.index(word, at) + len(word)
            if at > reach:
                break
            kept = at
        return self.text[:kept]


@dataclass(slots=True)
class Item:
    """One item: its wire shape without raw audio, and beside it what the wire does not show."""

    wire: Json
    sounds: dict[int, Sound] = field(default_factory=dict)  # by content index
    words: dict[int, str] = field(default_factory=dict)  # recognised in them
    pieces: list[Piece] = field(default_factory=list)
    heard_ms: int | None = None  # where the client truncated it
    unheard: bool = False  # the ears failed, and no answer has said so yet

    @property
    def id(self) -> str:
        return str(self.wire["id"])

    @property
    def has_assistant_audio(self) -> bool:
        return self.wire.get("role") == "assistant" and 0 in self.sounds

    def full(self) -> Json:
        """The wire shape with its audio, as conversation.item.retrieve wants it."""
        if not self.sounds:
            return self.wire
        parts = [
            part | {"audio": encode_audio(self.sounds[i].data)}
            if i in self.sounds and self.sounds[i].data
            else part
            for i, part in enumerate(self.wire["content"])
        ]
        return self.wire | {"content": parts}

    def said(self) -> str:
        """What the assistant said with this item, as far as it was heard."""
        if not self.pieces:
            return " ".join(p.get("text", "") for p in self.wire["content"]).strip()
        left = float("inf") if self.heard_ms is None else float(self.heard_ms)
        out = []
        for piece in self.pieces:
            out.append(piece.text if left == float("inf") else piece.heard(left))
            left -= piece.ms
            if left <= 0:
                break
        return " ".join(part for part in out if part)

    def line(self) -> Line:
        """The item as a mind reads it."""
        wire = self.wire
        if wire["type"] == "function_call":
            return Called(wire["call_id"], wire["name"], wire["arguments"])
        if wire["type"] == "function_call_output":
            return Returned(wire["call_id"], wire["output"])
        if wire["role"] == "assistant":
            cut = self.heard_ms is not None or wire.get("status") == "incomplete"
            return Said(self.said(), cut)
        texts = [
            part.get("text") or self.words.get(i, "") for i, part in enumerate(wire["content"])
        ]
        joined = " ".join(t for t in texts if t)
        return Told(joined) if wire["role"] == "system" else Heard(joined)


class Conversation:
    """Items in order; every request that names an item that is not there is refused."""

    def __init__(self, conversation_id: str, audio_limit: int = 64 * 1024 * 1024) -> None:
        self.id = conversation_id
        self.items: list[Item] = []
        self._audio_limit = audio_limit  # bytes kept for retrieval; the oldest are let go

    @property
    def last_id(self) -> str | None:
        return self.items[-1].id if self.items else None

    @property
    def audio_present(self) -> bool:
        """Whether the assistant has spoken."""
        return any(item.has_assistant_audio for item in self.items)

    def find(self, item_id: object) -> Item | None:
        return next((item for item in self.items if item.id == item_id), None)

    def previous(self, item: Item) -> str | None:
        """The id of the item before this one."""
        at = self.items.index(item)
        return self.items[at - 1].id if at else None

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Put an item at the end, after another, or first ("root"); returns the id before it."""
        if self.find(item.id) is not None:
            message = f"Error adding item: the item with id '{item.id}' already exists."
            raise Refused("item_create_duplicate_item_id", message, "item.id")
        at = len(self.items)
        if after == "root":
            at = 0
        elif after is not None:
            anchor = self.find(after)
            if anchor is None:
                raise _no_item("item_create_invalid_item_id", "adding", after, "previous_item_id")
            at = self.items.index(anchor) + 1
        self.items.insert(at, item)
        return self.previous(item)

    def retrieve(self, item_id: object) -> Item:
        item = self.find(item_id)
        if item is None:
            raise _no_item("item_retrieve_invalid_item_id", "retrieving", item_id, "item_id")
        return item

    def delete(self, item_id: object) -> Item:
        item = self.find(item_id)
        if item is None:
            raise _no_item("item_delete_invalid_item_id", "deleting", item_id, "item_id")
        self.items.remove(item)
        return item

    def truncate(self, item_id: object, content_index: object, audio_end_ms: object) -> Item:
        """Forget what of an assistant's audio was not heard; the transcript goes with it."""
        item = self.find(item_id)
        if item is None:
            raise _no_item("item_truncate_invalid_item_id", "truncating", item_id, "item_id")
        for value, name in ((content_index, "content_index"), (audio_end_ms, "audio_end_ms")):
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise missing(name) if value is None else wrong_type(value, "an integer", name)
        sound = item.sounds.get(0)
        if not item.has_assistant_audio or sound is None or content_index != 0:
            message = "Only model output audio messages can be truncated"
            raise Refused("unsupported_content_type", message, "item_id")
        assert isinstance(audio_end_ms, int)
        if audio_end_ms > sound.ms:
            message = f"Audio content of {int(sound.ms)}ms is already shorter than {audio_end_ms}ms"
            raise Refused("invalid_value", message, "audio_end_ms")
        sound.data = sound.data[: audio_end_ms * BYTES_PER_MS[sound.format]]
        sound.ms = float(audio_end_ms)
        item.heard_ms = audio_end_ms
        item.wire["content"][0].pop("transcript", None)
        return item

    def trim_audio(self) -> None:
        """Let go of the oldest audio beyond the limit; its length stays known."""
        kept = 0
        for item in reversed(self.items):
            for sound in item.sounds.values():
                kept += len(sound.data)
                if kept > self._audio_limit:
                    sound.data = b""

    def knows_call(self, call_id: str) -> bool:
        return any(
            i.wire["type"] == "function_call" and i.wire["call_id"] == call_id for i in self.items
        )


def lines(items: Iterable[Item]) -> tuple[Line, ...]:
    """What a mind reads; an answer of which nothing was heard was never said."""
    read = (item.line() for item in items)
    return tuple(line for line in read if not (isinstance(line, Said) and not line.text))


def _no_item(code: str, doing: str, item_id: object, param: str) -> Refused:
    message = f"Error {doing} item: the item with id '{item_id}' does not exist."
    return Refused(code, message, param)


# ---------------------------------------------------------------- items that a client makes

_STATUS = nullable(one_of("in_progress", "completed", "incomplete"))
_COMMON: dict[str, Check] = {"id": nullable(text), "type": text, "status": _STATUS}
_COMMON |= {"object": nullable(one_of("realtime.item"))}
_INPUT_TEXT = Fields({"type": text, "text": text}, required=("text",))
_INPUT_AUDIO = Fields(
    {"type": text, "audio": text, "transcript": nullable(text)}, required=("audio",)
)
_CONTENT: dict[str, Check] = {
    "system": list_of(schema.by_type(input_text=_INPUT_TEXT)),
    "user": list_of(schema.by_type(input_text=_INPUT_TEXT, input_audio=_INPUT_AUDIO)),
    "assistant": list_of(schema.by_type(output_text=_INPUT_TEXT)),
}
_CALL = Fields(
    _COMMON | {"name": text, "arguments": text, "call_id": text},
    required=("name", "arguments", "call_id"),
)
_OUTPUT = Fields(_COMMON | {"call_id": text, "output": text}, required=("call_id", "output"))


def make_item(value: object, audio_format: str, path: str = "item", *, lenient: bool) -> Item:
    """An item that a client asks for, checked and completed. Raises Refused."""
    if not isinstance(value, dict):
        raise missing(path) if value is None else wrong_type(value, "an object", path)
    kind = value.get("type")
    match kind:
        case None:
            raise missing(f"{path}.type")
        case "message":
            wire = _message(value, path, lenient)
        case "function_call":
            wire = _CALL(value, path, lenient)
        case "function_call_output":
            wire = _OUTPUT(value, path, lenient)
        case _:
            supported = ["message", "function_call", "function_call_output"]
            raise unknown_value(kind, supported, f"{path}.type")
    wire.pop("object", None)
    item = Item({"id": wire.pop("id", None) or new_id("item")} | wire | {"status": "completed"})
    for index, part in enumerate(item.wire.get("content", ())):
        if "audio" in part:
            data = decode_audio(part.pop("audio"), f"{path}.content[{index}].audio")
            ms = len(data) / BYTES_PER_MS[audio_format]
            item.sounds[index] = Sound(data, ms, audio_format)
            part.setdefault("transcript", None)
    return item


def _message(value: Json, path: str, lenient: bool) -> Json:
    role = value.get("role")
    if role is None:
        raise missing(f"{path}.role")
    if role not in _CONTENT:
        raise unknown_value(role, list(_CONTENT), f"{path}.role")
    content = _CONTENT[role]
    known = _COMMON | {"role": text, "content": content}
    return Fields(known, required=("content",))(value, path, lenient)
