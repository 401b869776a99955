"""The output items of one response: they grow, and every growth is told in the documented order."""

from __future__ import annotations

from typing import Any

from gateway.embedded.conversation import BYTES_PER_MS, Conversation, Item, Piece, Sound
from gateway.embedded.parts import CallPiece
from gateway.embedded.usage import assistant_tokens, text_tokens
from gateway.protocol.wire import Emit, Json, encode_audio, new_id


class Output:
    """What a response has produced so far; items enter the conversation, where it has one."""

    def __init__(
        self, response_id: str, emit: Emit, conversation: Conversation | None, audio_format: str
    ) -> None:
        self.response_id = response_id
        self.items: list[Item] = []
        self._emit = emit
        self._conversation = conversation
        self._format = audio_format
        self._open: Item | None = None
        self._call_index = -1

    # ------------------------------------------------------------ messages

    def write(self, text: str) -> None:
        """A piece of a text answer."""
        part = self._message({"type": "output_text", "text": ""})
        delta = _joined(part["text"], text)
        part["text"] += delta
        self._part_event("response.output_text.delta", delta=delta)

    def begin_piece(self, text: str) -> Piece:
        """Words that are about to be spoken: their transcript goes ahead of them."""
        part = self._message({"type": "output_audio", "transcript": ""})
        delta = _joined(part.get("transcript", ""), text)
        part["transcript"] = part.get("transcript", "") + delta
        self._part_event("response.output_audio_transcript.delta", delta=delta)
        piece = Piece(text.strip())
        assert self._open is not None
        self._open.pieces.append(piece)
        return piece

    def sound(self, data: bytes) -> None:
        """A piece of the voice, encoded."""
        assert self._open is not None
        item = self._open
        sound = item.sounds.setdefault(0, Sound(b"", 0.0, self._format))
        if item.heard_ms is None:  # a truncated item keeps what was heard, whatever still comes
            sound.data += data
            sound.ms += len(data) / BYTES_PER_MS[self._format]
        self._part_event("response.output_audio.delta", delta=encode_audio(data))

    def _message(self, part: Json) -> Json:
        if self._open is not None and self._open.wire["type"] != "message":
            self.close()
        item = self._open
        if item is None:
            item = self._add({"type": "message", "role": "assistant", "content": []})
            kind = "text" if part["type"] == "output_text" else "audio"
            key = "text" if kind == "text" else "transcript"
            self._part_event("response.content_part.added", part={"type": kind, key: ""})
            item.wire["content"].append(part)
        content: list[Json] = item.wire["content"]
        return content[0]

    # ------------------------------------------------------------ function calls

    def call(self, piece: CallPiece) -> None:
        """A piece of a function call; a new index closes the call before it."""
        if piece.index != self._call_index or self._open is None:
            if piece.index < self._call_index or (
                piece.index == self._call_index and self._open is None
            ):
                raise ValueError(f"call {piece.index} goes on after it was closed")
            self.close()
            self._call_index = piece.index
            call = {"type": "function_call", "name": piece.name, "call_id": new_id("call")}
            self._add(call | {"arguments": ""})
        assert self._open is not None
        if piece.arguments:
            self._open.wire["arguments"] += piece.arguments
            self._call_event("response.function_call_arguments.delta", delta=piece.arguments)

    def _call_event(self, kind: str, **fields: Any) -> None:
        assert self._open is not None
        self._emit(
            {
                "type": kind,
                "response_id": self.response_id,
                "item_id": self._open.id,
                "output_index": len(self.items) - 1,
                "call_id": self._open.wire["call_id"],
                **fields,
            }
        )

    # ------------------------------------------------------------ opening and closing

    def _add(self, wire: Json) -> Item:
        item = Item({"id": new_id("item"), "status": "in_progress"} | wire)
        self._open = item
        self.items.append(item)
        self._item_event("response.output_item.added", item)
        if self._conversation is not None:
            previous = self._conversation.add(item)
            self._emit(
                {
                    "type": "conversation.item.added",
                    "previous_item_id": previous,
                    "item": item.wire,
                }
            )
        return item

    def close(self, status: str = "completed") -> None:
        """End the item that is open, if one is."""
        item = self._open
        if item is None:
            return
        item.wire["status"] = status
        if item.wire["type"] == "function_call":
            if status == "completed":
                self._call_event(
                    "response.function_call_arguments.done",
                    name=item.wire["name"],
                    arguments=item.wire["arguments"],
                )
        else:
            self._close_part(item.wire["content"][0])
        self._open = None
        if self._conversation is not None:
            known = self._conversation.find(item.id) is not None
            previous = self._conversation.previous(item) if known else None
            self._emit(
                {"type": "conversation.item.done", "previous_item_id": previous, "item": item.wire}
            )
        self._item_event("response.output_item.done", item)

    def _close_part(self, part: Json) -> None:
        if part["type"] == "output_text":
            self._part_event("response.output_text.done", text=part["text"])
            done = {"type": "text", "text": part["text"]}
        else:
            transcript = part.get("transcript", "")
            self._part_event("response.output_audio.done")
            self._part_event("response.output_audio_transcript.done", transcript=transcript)
            done = {"type": "audio", "transcript": transcript}
        self._part_event("response.content_part.done", part=done)

    def _item_event(self, kind: str, item: Item) -> None:
        self._emit(
            {
                "type": kind,
                "response_id": self.response_id,
                "output_index": len(self.items) - 1,
                "item": item.wire,
            }
        )

    def _part_event(self, kind: str, **fields: Any) -> None:
        assert self._open is not None
        self._emit(
            {
                "type": kind,
                "response_id": self.response_id,
                "item_id": self._open.id,
                "output_index": len(self.items) - 1,
                "content_index": 0,
                **fields,
            }
        )

    # ------------------------------------------------------------ what it cost

    def tokens(self) -> tuple[int, int]:
        """Text and audio tokens produced so far; a later truncation does not make it cheaper."""
        text = audio = 0
        for item in self.items:
            wire = item.wire
            if wire["type"] == "function_call":
                text += text_tokens(wire["name"]) + text_tokens(wire["arguments"])
                continue
            text += sum(text_tokens(p.text) for p in item.pieces)
            text += sum(text_tokens(p.get("text", "")) for p in wire["content"])
            audio += assistant_tokens(sum(p.ms for p in item.pieces))
        return text, audio


def _joined(before: str, text: str) -> str:
    """The next piece with the space that separates it from the one before."""
    if before and not before[-1].isspace() and not text[:1].isspace():
        return " " + text
    return text
