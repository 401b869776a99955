"""Output: the assistant's side of the stream: answers, their items, and the pieces of each.

A response is open from ShowResponse to ShowResponse; whatever the call plays or shows in between
is its. An item is announced with its first word or sound, and done when the next one begins or
the response ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from audio.convert import Converter
from gateway.call.effects import Play, ShowResponse, ShowWords
from gateway.call.events import ToolCall, Usage
from gateway.call.plan import Plan
from gateway.callers.realtime.conversation import Conversation, Seen
from gateway.callers.realtime.formats import format_of
from gateway.callers.realtime.stream import Stream
from gateway.protocol.wire import Json
from gateway.recent import keep

KEPT = 64  # items of which is known which response made them
REASONS = ("turn_detected", "client_cancelled", "max_output_tokens", "content_filter")


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for one response, as the response object says it."""

    modalities: tuple[str, ...]
    max_output_tokens: int | str
    output: Json  # audio.output: format and voice
    metadata: Json | None = None

    @property
    def spoken(self) -> bool:
        """Whether it is sound, with a transcript, and not text."""
        return "audio" in self.modalities


@dataclass(slots=True)
class Making:
    """An item that is being made."""

    item_id: str
    index: int
    spoken: bool
    seen: Seen
    place: Json  # what its own events say of where it stands
    text: str = ""

    def wire(self, status: str) -> Json:
        """The item as it stands."""
        part = (
            {"type": "output_audio", "transcript": self.text}
            if self.spoken
            else {"type": "output_text", "text": self.text}
        )
        begun = status == "in_progress"
        return {
            "id": self.item_id,
            "object": "realtime.item",
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": [] if begun else [part],
        }

    def part(self) -> Json:
        """The content part as its own events show it."""
        kind = {"type": "audio", "transcript": self.text}
        return kind if self.spoken else {"type": "text", "text": self.text}


@dataclass(slots=True)
class Answer:
    """A response that is under way."""

    id: str
    terms: Terms
    output: list[Json] = field(default_factory=list)  # items that are done
    item: Making | None = None


class Output:
    """What one client gets to hear, and to read of it."""

    def __init__(
        self,
        stream: Stream,
        conversation: Conversation,
        plan: Plan,
        terms: Terms,
        *,
        media: bool,
    ) -> None:
        self._stream = stream
        self._conversation = conversation
        self._plan = plan
        self._media = media  # whether audio goes into the messages
        self._converter = Converter(plan.format, plan.format)
        self._answer: Answer | None = None
        self._last = ""  # the latest response
        self._makers: dict[str, str] = {}  # item -> the response that made it
        self.spoke = False  # the assistant has been heard: its voice is fixed
        self.terms = terms

    @property
    def active(self) -> str:
        """The response that is under way, or empty."""
        return self._answer.id if self._answer is not None else ""

    def made_by(self, item_id: str) -> str:
        """The response that an item belongs to, as far as is known."""
        return self._makers.get(item_id, self._last)

    # ------------------------------------------------------------ responses

    def begin(self, response_id: str, terms: Terms) -> None:
        """An answer begins."""
        if self._answer is not None:  # of the gateway's own, which no order ends
            self.end(ShowResponse(self._answer.id, "completed"))
        self._answer = Answer(response_id, terms)
        self._last = response_id
        self._stream.emit("response.created", response=self._wire_of("in_progress", "", None))

    def end(self, shown: ShowResponse) -> None:
        """It is complete, or cut, or failed; what functions the client owes comes last."""
        answer = self._answer
        if answer is None or answer.id != shown.response_id:
            return
        whole = shown.status == "completed"
        self._close_item("completed" if whole else "incomplete")
        for call in shown.calls:
            self._function_call(answer, call)
        done = self._wire_of(shown.status, shown.reason, shown.usage)
        self._answer = None
        self._stream.emit("response.done", response=done)

    def fail(self, reason: str) -> None:
        """No more will come of it."""
        if self._answer is not None:
            self.end(ShowResponse(self._answer.id, "failed", reason))

    # ------------------------------------------------------------ items

    def play(self, play: Play) -> None:
        """A piece of the assistant's voice."""
        item_id = self._conversation.to_client(play.item_id)
        item, samples = self._making(item_id), self._plan.count(play.pcm)
        if item is None:
            if (seen := self._conversation.get(item_id)) is not None:  # it is done
                seen.samples = None if seen.samples is None else seen.samples + samples
                return
            item = self._opened(item_id, spoken=True)
        self.spoke = True
        item.seen.samples = (item.seen.samples or 0) + samples
        if self._media:
            self._delta(item, self._converter.push(play.pcm))

    def _delta(self, item: Making, data: bytes) -> None:
        if data:  # written as base64, as all bytes are
            self._stream.emit("response.output_audio.delta", **item.place, delta=data)

    def words(self, line: ShowWords) -> None:
        """The assistant's words, whole as they stand; what was cut is not taken back here."""
        item_id = self._conversation.to_client(line.item_id)
        if self._answer is None or line.cut:
            return
        if (item := self._making(item_id)) is None:
            if not line.text or self._conversation.get(item_id) is not None:
                return
            item = self._opened(item_id, spoken=self._answer.terms.spoken)
        if line.text.startswith(item.text) and line.text != item.text:
            delta, item.text = line.text[len(item.text) :], line.text
            kind = "output_audio_transcript" if item.spoken else "output_text"
            self._stream.emit(f"response.{kind}.delta", **item.place, delta=delta)

    def _making(self, item_id: str) -> Making | None:
        """The item of that name, where it is the one that is being made."""
        made = self._answer.item if self._answer is not None else None
        return made if made is not None and made.item_id == item_id else None

    def _opened(self, item_id: str, *, spoken: bool) -> Making:
        """A new item, announced."""
        if self._answer is None:  # the gateway speaks for itself
            self.begin(self._stream.name("resp"), self.terms)
        answer = self._answer
        assert answer is not None
        self._close_item("completed")
        seen, index = Seen(item_id, 0 if spoken else None), len(answer.output)
        place: Json = {"response_id": answer.id, "item_id": item_id}
        place |= {"output_index": index, "content_index": 0}
        item = answer.item = Making(item_id, index, spoken, seen, place)
        keep(self._makers, item_id, answer.id, KEPT)
        self._converter = Converter(self._plan.format, format_of(answer.terms.output["format"]))
        before = self._conversation.add(seen)
        self._announce(answer, item.index, item.wire("in_progress"), before)
        part = {"type": "audio", "transcript": ""} if spoken else {"type": "text", "text": ""}
        self._stream.emit("response.content_part.added", **place, part=part)
        return item

    def _close_item(self, status: str) -> None:
        answer = self._answer
        if answer is None or answer.item is None:
            return
        item, answer.item = answer.item, None
        where = item.place
        if item.spoken:
            if self._media:
                self._delta(item, self._converter.flush())
                self._stream.emit("response.output_audio.done", **where)
            kind, said = "response.output_audio_transcript.done", {"transcript": item.text}
        else:
            kind, said = "response.output_text.done", {"text": item.text}
        self._stream.emit(kind, **where, **said)
        self._stream.emit("response.content_part.done", **where, part=item.part())
        self._finish(answer, item.index, item.wire(status))

    def _function_call(self, answer: Answer, call: ToolCall) -> None:
        """A function of the client's is to be run."""
        index = len(answer.output)
        item_id = call.item_id or self._stream.name("item")
        item: Json = {
            "id": item_id,
            "object": "realtime.item",
            "type": "function_call",
            "status": "in_progress",
            "name": call.name,
            "call_id": call.call_id,
            "arguments": "",
        }
        before = self._conversation.add(Seen(item_id))
        self._announce(answer, index, item, before)
        where = {"response_id": answer.id, "item_id": item_id, "output_index": index}
        where |= {"call_id": call.call_id}
        kind = "response.function_call_arguments"
        self._stream.emit(f"{kind}.delta", **where, delta=call.arguments)
        self._stream.emit(f"{kind}.done", **where, name=call.name, arguments=call.arguments)
        whole = item | {"status": "completed", "arguments": call.arguments}
        self._finish(answer, index, whole)

    def _announce(self, answer: Answer, index: int, item: Json, before: str | None) -> None:
        where = {"response_id": answer.id, "output_index": index}
        self._stream.emit("response.output_item.added", **where, item=item)
        self._stream.emit("conversation.item.added", item=item, previous_item_id=before)

    def _finish(self, answer: Answer, index: int, item: Json) -> None:
        before = self._conversation.before(item["id"])
        answer.output.append(item)
        self._stream.emit("conversation.item.done", item=item, previous_item_id=before)
        where = {"response_id": answer.id, "output_index": index}
        self._stream.emit("response.output_item.done", **where, item=item)

    def _wire_of(self, status: str, reason: str, usage: Usage | None) -> Json:
        """The response object."""
        answer = self._answer
        assert answer is not None
        terms = answer.terms
        return {
            "object": "realtime.response",
            "id": answer.id,
            "status": status,
            "status_details": _details(status, reason),
            "output": list(answer.output),
            "conversation_id": self._conversation.id,
            "output_modalities": list(terms.modalities),
            "max_output_tokens": terms.max_output_tokens,
            "audio": {"output": terms.output},
            "usage": None if usage is None else usage_of(usage),
            "metadata": terms.metadata,
        }


def _details(status: str, reason: str) -> Json | None:
    if status in ("in_progress", "completed"):
        return None
    if status == "failed":
        error = {"type": "server_error", "code": "assistant_failed", "message": reason}
        return {"type": status, "error": error}
    usual = {"cancelled": "client_cancelled", "incomplete": "max_output_tokens"}[status]
    return {"type": status, "reason": reason if reason in REASONS else usual}


def usage_of(usage: Usage) -> Json:
    """What an answer cost, as response.done says it."""
    heard, said = usage.input_text + usage.input_audio, usage.output_text + usage.output_audio
    cached = {"text_tokens": usage.cached_text, "audio_tokens": usage.cached_audio}
    return {
        "total_tokens": heard + said,
        "input_tokens": heard,
        "output_tokens": said,
        "input_token_details": {
            "text_tokens": usage.input_text,
            "audio_tokens": usage.input_audio,
            "image_tokens": 0,
            "cached_tokens": usage.cached_text + usage.cached_audio,
            "cached_tokens_details": cached | {"image_tokens": 0},
        },
        "output_token_details": {
            "text_tokens": usage.output_text,
            "audio_tokens": usage.output_audio,
        },
    }
