"""One client's session: each client event is carried out and answered in the documented order.

Handlers are synchronous, so that no other event gets between a decision and what is told about it;
only the answers and the recognition of words run as tasks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from gateway.embedded.answers import Answers, Frame, Limits
from gateway.embedded.conversation import Conversation, Item, make_item
from gateway.embedded.input import InputBuffer, Listen, Listener, Turn, Voiced
from gateway.embedded.parts import Mind, Mouth
from gateway.embedded.recognition import Recognition
from gateway.embedded.responses import Response
from gateway.embedded.turns import Started, Stopped, TurnEnd
from gateway.protocol import sessions
from gateway.protocol.wire import Json, Refused, decode_audio, new_id, unknown_value


@dataclass(frozen=True, slots=True)
class Parts:
    """What a session works with."""

    mind: Mind
    mouth: Mouth
    listen: Listen
    voice: Callable[[], Voiced]
    turn_end: TurnEnd


class Connection:
    """The state of one session, and what client events do to it."""

    def __init__(
        self,
        session: Json,
        parts: Parts,
        frame: Frame,
        *,
        limits: Limits,
        model_named: bool = True,
        lenient: bool = False,
    ) -> None:
        self.session = session
        self.conversation = Conversation(new_id("conv"))
        self._parts = parts
        self._emit = frame.emit
        self._lenient = lenient
        self._model_named = model_named
        self._recognition = Recognition(frame.emit, frame.tasks, self.conversation)
        tell = self._recognition.tell_early
        self._input = InputBuffer(parts.listen, parts.voice, parts.turn_end, tell)
        self._input.configure(session["audio"]["input"])
        self._answers = Answers(
            mind=parts.mind,
            mouth=parts.mouth,
            frame=frame,
            limits=limits,
            words_known=self._recognition.wait,
            ended=self._ended,
        )
        self._idle: asyncio.TimerHandle | None = None
        self._handlers: dict[str, Callable[[Json], None]] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": lambda _: self._commit(self._input.take()),
            "input_audio_buffer.clear": self._clear,
            "output_audio_buffer.clear": self._clear_output,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve,
            "conversation.item.truncate": self._truncate,
            "conversation.item.delete": self._delete,
            "response.create": self._create_response,
            "response.cancel": lambda event: self._answers.cancel(event.get("response_id")),
        }

    def handle(self, event: Json) -> None:
        """Carry out one client event. Raises Refused, with nothing changed."""
        kind = event["type"]
        handler = self._handlers.get(kind) if isinstance(kind, str) else None
        if handler is None:
            raise unknown_value(kind, list(self._handlers), "type")
        handler(event)

    def close(self) -> None:
        """The client is gone: nothing of the session stays behind."""
        self._stop_idling()
        self._input.clear()

    # ------------------------------------------------------------ session and audio

    def _update(self, event: Json) -> None:
        facts = sessions.Facts(self.conversation.audio_present, self._model_named)
        self.session = sessions.update(
            self.session, event.get("session"), facts, lenient=self._lenient
        )
        self._model_named = True
        self._input.configure(self.session["audio"]["input"])
        self._emit({"type": "session.updated", "session": self.session})

    @property
    def _turn_detection(self) -> Json:
        return self.session["audio"]["input"]["turn_detection"] or {}

    def _append(self, event: Json) -> None:
        for signal in self._input.append(decode_audio(event.get("audio"), "audio")):
            match signal:
                case Started(at):
                    self._speech_started(at)
                case Stopped(at):
                    self._speech_stopped(at)

    def _speech_started(self, at: int) -> None:
        self._stop_idling()
        item_id = self._input.item_id
        self._emit(
            {
                "type": "input_audio_buffer.speech_started",
                "audio_start_ms": at,
                "item_id": item_id,
            }
        )
        if self._turn_detection["interrupt_response"]:
            self._answers.interrupt("turn_detected")

    def _speech_stopped(self, at: int) -> None:
        turn = self._input.take(at, short=True)
        self._emit(
            {
                "type": "input_audio_buffer.speech_stopped",
                "audio_end_ms": at,
                "item_id": turn.item_id,
            }
        )
        self._commit(turn)
        self._answer_turn()

    def _answer_turn(self) -> None:
        if self._turn_detection["create_response"] and self.session["type"] == "realtime":
            self._answers.answer_turn(self.session, self.conversation)

    def _commit(self, turn: Turn) -> None:
        part = {"type": "input_audio", "transcript": None}
        wire = {"id": turn.item_id, "type": "message", "status": "completed", "role": "user"}
        item = Item(wire | {"content": [part]}, sounds={0: turn.sound})
        self._emit(
            {
                "type": "input_audio_buffer.committed",
                "previous_item_id": self.conversation.last_id,
                "item_id": turn.item_id,
            }
        )
        self._add_item(item)
        self._recognise(item, {0: turn.listener})

    def _recognise(self, item: Item, listeners: dict[int, Listener]) -> None:
        told = self.session["audio"]["input"]["transcription"] is not None
        self._recognition.start(item, listeners, told)

    def _clear(self, event: Json) -> None:
        self._input.clear()
        self._emit({"type": "input_audio_buffer.cleared"})

    def _clear_output(self, event: Json) -> None:
        message = "output_audio_buffer.clear is for WebRTC and SIP: send response.cancel instead."
        raise Refused("invalid_event_for_transport", message, "type")

    # ------------------------------------------------------------ items

    def _make(self, value: object, path: str) -> Item:
        audio_format = self.session["audio"]["input"]["format"]["type"]
        item = make_item(value, audio_format, path, lenient=self._lenient)
        wire = item.wire
        if wire["type"] == "function_call_output" and not self._lenient:
            call_id = wire["call_id"]
            if not self.conversation.knows_call(call_id) and path == "item":
                message = f"Tool call ID '{call_id}' not found in conversation."
                raise Refused("invalid_tool_call_id", message, f"{path}.call_id")
        return item

    def _create_item(self, event: Json) -> None:
        item = self._make(event.get("item"), "item")
        self._add_item(item, event.get("previous_item_id"))
        self._recognise_sounds(item)

    def _recognise_sounds(self, item: Item) -> None:
        listeners = {}
        for index, sound in item.sounds.items():
            known = item.wire["content"][index].get("transcript")
            if known:
                item.words[index] = known
                continue
            listeners[index] = self._input.listener_for(sound)
        if listeners:
            self._recognise(item, listeners)

    def _add_item(self, item: Item, after: str | None = None) -> None:
        previous = self.conversation.add(item, after)
        self.conversation.trim_audio()
        told = {"previous_item_id": previous, "item": item.wire}
        self._emit({"type": "conversation.item.added", **told})
        self._emit({"type": "conversation.item.done", **told})

    def _retrieve(self, event: Json) -> None:
        item = self.conversation.retrieve(event.get("item_id"))
        self._emit({"type": "conversation.item.retrieved", "item": item.full()})

    def _truncate(self, event: Json) -> None:
        index, end = event.get("content_index"), event.get("audio_end_ms")
        item = self.conversation.truncate(event.get("item_id"), index, end)
        self._emit(
            {
                "type": "conversation.item.truncated",
                "item_id": item.id,
                "content_index": index,
                "audio_end_ms": end,
            }
        )

    def _delete(self, event: Json) -> None:
        item = self.conversation.delete(event.get("item_id"))
        self._emit({"type": "conversation.item.deleted", "item_id": item.id})

    # ------------------------------------------------------------ responses

    def _create_response(self, event: Json) -> None:
        if self.session["type"] != "realtime":
            message = "A transcription session gives no responses: open a session of type realtime."
            raise Refused("invalid_parameter", message, "type")
        wanted = sessions.request(event.get("response"), lenient=self._lenient)
        beside = wanted.get("conversation") == "none"
        self._answers.check_free(beside=beside)
        voice = wanted.get("audio", {}).get("output", {}).get("voice")
        locked = not beside and self.conversation.audio_present
        if voice and locked and voice != self.session["audio"]["output"]["voice"]:
            raise sessions.cannot_update_voice("response.audio.output.voice")
        items = self.conversation.items
        if "input" in wanted:
            items = [self._given(v, i) for i, v in enumerate(wanted["input"])]
        if not beside:
            self._stop_idling()
        self._answers.respond(self.session, wanted, items, None if beside else self.conversation)

    def _given(self, value: Json, index: int) -> Item:
        if value.get("type") == "item_reference":
            return self.conversation.retrieve(value.get("id"))
        item = self._make(value, f"response.input[{index}]")
        self._recognise_sounds(item)
        return item

    # ------------------------------------------------------------ silence

    def _ended(self, response: Response) -> None:
        """A response of the conversation has ended."""
        if self._answers.answer_waiting(self.session, self.conversation):
            return
        if response.status != "cancelled":
            self._start_idling(response, asyncio.get_running_loop())

    def _start_idling(self, response: Response, loop: asyncio.AbstractEventLoop) -> None:
        wait = self._turn_detection.get("idle_timeout_ms")
        if wait is not None and not self._input.speaking:
            played = max(loop.time(), response.plays_until)
            self._idle = loop.call_at(played + wait / 1000, self._idled, wait)

    def _stop_idling(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _idled(self, wait: int) -> None:
        """Nobody has spoken for long: the silence becomes the user's turn."""
        self._idle = None
        if self._answers.active or self._turn_detection.get("idle_timeout_ms") is None:
            return
        turn = self._input.take(short=True)
        self._emit(
            {
                "type": "input_audio_buffer.timeout_triggered",
                "audio_start_ms": max(turn.start, turn.end - wait),
                "audio_end_ms": turn.end,
                "item_id": turn.item_id,
            }
        )
        self._commit(turn)
        self._answer_turn()
