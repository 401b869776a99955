"""The Realtime dialect, the caller's side of it: client events to the call's facts, and the call's
orders to server events. One for each connection; follows OpenAI's generally available API, and
speaks to clients of the Beta shape in theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, assert_never

import msgspec

from audio.format import Format
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.plan import Plan
from gateway.callers.dialect import Message, Reply
from gateway.callers.realtime.configuration import LEAD, Configuration, Offer, refuse_speech
from gateway.callers.realtime.conversation import Conversation
from gateway.callers.realtime.formats import format_of
from gateway.callers.realtime.input import Input
from gateway.callers.realtime.output import Output, Terms
from gateway.callers.realtime.reading import sound_of
from gateway.callers.realtime.requests import Requests
from gateway.callers.realtime.stream import Stream
from gateway.errors import WireError
from gateway.protocol import beta, sessions
from gateway.protocol.reading import check, event_id_of, parsed
from gateway.protocol.wire import (
    Json,
    Refused,
    unknown_key,
    unknown_value,
    wrong_type,
)

APPEND = "input_audio_buffer.append"
KINDS = (
    *("session.update", APPEND, "input_audio_buffer.commit"),
    *("input_audio_buffer.clear", "output_audio_buffer.clear", "conversation.item.create"),
    *("conversation.item.retrieve", "conversation.item.truncate", "conversation.item.delete"),
    *("response.create", "response.cancel"),
)
_encode = msgspec.json.Encoder().encode
NOTICES = {"audio_too_fast": "invalid_request_error", "assistant_lost": "server_error"}

Playout = Literal["started", "stopped", "cleared"]
Fact = on.FromCaller | Reply


class RealtimeDialect:
    """One client's connection."""

    lead = LEAD
    grain = 20_000

    def __init__(self, offer: Offer, tag: str, *, beta_shape: bool = False) -> None:
        self._offer = offer
        self._stream = Stream(tag, beta=beta_shape)
        self._configuration = Configuration(offer, self._stream.name("sess"))
        self._plan = self._configuration.plan
        self._begun = False  # the call's format is fixed
        self._joined = False
        self._conversation = Conversation(self._stream.name("conv"))
        self._requests = Requests(self._stream, self._conversation)
        self._build()
        self._terms: dict[str, Terms] = {}  # of answers that were asked for, by request
        self._asked = ""  # the request of an answer that has not begun
        self._stream.emit("session.created", session=self._configuration.session)
        if beta_shape:
            said = {"id": self._conversation.id, "object": "realtime.conversation"}
            self._stream.emit("conversation.created", conversation=said)

    def _build(self) -> None:
        """The parts that depend on the format of the call, as it is by now."""
        stream, plan = self._stream, self._plan
        self._input = Input(stream, self._conversation, plan)
        terms = self._configuration.terms({})
        self._output = Output(stream, self._conversation, plan, terms, media=self._offer.media)
        self._configure()

    def _configure(self) -> None:
        asked = self._configuration
        wants_words = asked.heard["transcription"] is not None
        if self._offer.media:
            self._input.configure(format_of(asked.heard["format"]), transcribes=wants_words)
        else:
            self._input.transcribes = wants_words
        self._output.terms = asked.terms({})

    # ------------------------------------------------------------ before the call

    @property
    def format(self) -> Format:
        """Of the audio in its facts and orders: the call's own."""
        return self._plan.format

    def opened(self) -> Iterator[Message]:
        """What the client is told before it has said anything."""
        yield from self._messages()

    def again(self) -> Iterator[Message]:
        """What the client is told that has come back over another connection."""
        self._stream.emit("session.updated", session=self._configuration.session)
        yield from self._messages()

    def begin(self) -> Plan:
        """The plan of the call, as the client has configured it by now; its format is final."""
        self._begun = True
        self._configuration.fix_format()
        return self._plan

    # ------------------------------------------------------------ from the client

    def decode(self, message: Message) -> bytes | Iterable[Fact]:
        """What an event of the client means. A wrong one is answered, and the session goes on."""
        if self._joined and self._offer.media:  # nearly all that comes then is sound
            data = sound_of(message)
            if data is not None and not len(data) % self._input.width:
                return self._input.take(data)
        return self._decoded(message)

    def _decoded(self, message: Message) -> Iterator[Fact]:
        event: Json = {}
        if not self._joined:
            self._joined = True
            if self._offer.joined is not None:
                yield self._offer.joined
        try:
            event = parsed(message)
            check(event)
            if event["type"] == APPEND:  # alike in both shapes
                self._only_with_media(event)
                yield from self._input.append(event.get("audio"))
            else:
                for one in self._translated(event):
                    yield from self._react(one, event_id_of(event))
        except Refused as refusal:
            self._stream.refuse(refusal, event_id_of(event))
        yield from map(Reply, self._messages())

    def _translated(self, event: Json) -> list[Json]:
        stream, updates = self._stream, event["type"] == "session.update"
        if updates and not stream.beta:
            stream.beta = beta.is_beta_session(event.get("session"))
        if not stream.beta:
            return [event]
        strange = beta.ga_only_key(event.get("session")) if updates else None
        if strange is not None:
            raise unknown_key(f"session.{strange}")
        return beta.to_ga_client(event)

    def _react(self, event: Json, event_id: str | None) -> Iterator[Fact]:
        match event["type"]:
            case "session.update":
                yield from self._update(event.get("session"))
            case "input_audio_buffer.commit":
                yield from self._input.commit(manual=self._configuration.manual)
                yield on.CallerOrdered("commit", self._requests.named(event_id))
            case "input_audio_buffer.clear":
                self._input.clear()
                yield on.CallerOrdered("clear")
            case "output_audio_buffer.clear":
                if self._offer.media:
                    raise _wrong_transport(event)
                yield on.CallerOrdered("flush")
            case "conversation.item.create":
                yield self._requests.create(event, event_id, self._input.whole)
            case "conversation.item.retrieve" | "conversation.item.delete":
                yield self._requests.ask(event, event_id)
            case "conversation.item.truncate":
                yield self._requests.truncate(event, self._plan.rate)
            case "response.create":
                yield self._create(event.get("response"), event_id)
            case "response.cancel":
                yield self._cancel(event.get("response_id"), event_id)
            case kind:
                raise unknown_value(kind, list(KINDS), "type")

    def _update(self, change: object) -> Iterator[Fact]:
        self._configuration.update(change, spoke=self._output.spoke)
        self._plan = self._configuration.plan
        if self._begun:
            self._configure()
            yield on.PlanChanged(self._plan)
        else:
            self._build()
        self._stream.emit("session.updated", session=self._configuration.session)

    def _create(self, asked: object, event_id: str | None) -> on.AnswerWanted | on.CallerAsked:
        options = sessions.request(asked)
        terms = self._configuration.terms(options)
        request = self._requests.named(event_id)
        if options.get("conversation") == "none":
            refuse_speech(terms)
            options = self._with_model_names(options)
            return on.CallerAsked({"type": "response.create", "response": options}, request)
        voice = self._configuration.spoken["voice"]
        if self._output.spoke and terms.output["voice"] != voice:
            raise sessions.cannot_update_voice("response.audio.output.voice")
        if self._output.active or self._asked:
            message = (
                "Conversation already has an active response in progress: "
                f"{self._output.active or 'it is about to begin'}. Wait until the response is "
                "finished before creating a new one."
            )
            raise Refused("conversation_already_has_active_response", message)
        self._asked = request
        self._terms = {request: terms}
        return on.AnswerWanted(_for_model(self._with_model_names(options)), request)

    def _with_model_names(self, options: Json) -> Json:
        """References to items as the model knows them."""
        if "input" not in options:
            return options
        return options | {
            "input": [
                item | {"id": self._conversation.to_model(item["id"])}
                if isinstance(item.get("id"), str)
                else item
                for item in options["input"]
            ]
        }

    def _cancel(self, response_id: object, event_id: str | None) -> on.CallerOrdered:
        if response_id is not None and not isinstance(response_id, str):
            raise wrong_type(response_id, "a string", "response_id")
        known = self._output.active or self._asked
        if not known or response_id not in (None, self._output.active):
            message = "Cancellation failed: no active response found"
            raise Refused("response_cancel_not_active", message)
        return on.CallerOrdered("cancel", self._requests.named(event_id))

    def _only_with_media(self, event: Json) -> None:
        if not self._offer.media:
            raise _wrong_transport(event)

    # ------------------------------------------------------------ to the client

    def encode(self, effect: do.ToCaller) -> list[Message]:
        """The events that carry out an effect."""
        match effect:
            case do.Play():
                self._output.play(effect)
            case do.ShowWords(item_id=item_id) if item_id.startswith(do.WRITTEN):
                pass  # the item itself is told, where it is the client's
            case do.ShowWords(role="assistant"):
                self._output.words(effect)
            case do.ShowWords():
                self._input.words(effect)
            case do.ShowTurn():
                self._input.turn(effect)
            case do.ShowResponse():
                self._response(effect)
            case do.ShowCut(item_id, heard):
                self._cut(self._conversation.to_client(item_id), heard)
            case do.ShowRefusal():
                self._asked = "" if effect.request == self._asked else self._asked
                self._requests.refused(effect)
            case do.PassOn(message):
                self._requests.pass_on(message)
            case do.ShowNotice(code, message):
                if code in NOTICES:
                    self._stream.refuse(Refused(code, message, kind=NOTICES[code]))
            case do.Flush():
                pass  # the client has a buffer of its own, or the leg tells
            case do.ShowState() | do.ShowTool() | do.ShowLatency():
                pass  # the protocol has no word for it
            case do.ShowSavings() | do.ShowCost():
                pass
            case do.Transfer():
                pass  # nobody can be put through from here
            case _:
                assert_never(effect)
        return self._messages()

    def _response(self, shown: do.ShowResponse) -> None:
        if shown.status != "in_progress":
            for call in shown.calls:
                self._requests.owe(call.call_id)
            self._output.end(shown)
            return
        self._asked = ""
        terms = self._terms.pop(shown.request, None) or self._configuration.terms({})
        self._output.begin(shown.response_id, terms)

    def _cut(self, item_id: str, heard: int) -> None:
        seen = self._conversation.get(item_id)
        if seen is None:
            return
        seen.samples = heard
        ms = heard * 1000 // self._plan.rate
        where = {"item_id": item_id, "content_index": 0, "audio_end_ms": ms}
        self._stream.emit("conversation.item.truncated", **where)

    # ------------------------------------------------------------ where a leg carries the sound

    def pressed(self, digit: str, at: float) -> Iterator[Message]:
        """A key of the caller's telephone, at a unix time."""
        self._stream.emit(
            "input_audio_buffer.dtmf_event_received", event=digit, received_at=int(at)
        )
        yield from self._messages()

    def playout(self, playout: Playout, item_id: str) -> Iterator[Message]:
        """The leg says that an item's sound has begun, has come to its end, or was thrown away."""
        response_id = self._output.made_by(self._conversation.to_client(item_id))
        self._stream.emit(f"output_audio_buffer.{playout}", response_id=response_id)
        yield from self._messages()

    # ------------------------------------------------------------ the end

    def farewell(self, reason: str, error: WireError | None) -> Iterator[Message]:
        """An answer that is under way is ended; what went wrong is said."""
        self._output.fail(reason)
        if error is not None:
            self._stream.refuse(Refused("session_ended", str(error)))
        yield from self._messages()

    def _messages(self) -> list[Message]:
        return [_encode(event).decode() for event in self._stream.take()]


def _for_model(options: Json) -> Json:
    """What of a request the model is told; its formats are the gateway's, which converts."""
    out = {key: value for key, value in options.items() if key not in ("audio", "metadata")}
    voice = options.get("audio", {}).get("output", {}).get("voice")
    return out | ({"audio": {"output": {"voice": voice}}} if voice is not None else {})


def _wrong_transport(event: Json) -> Refused:
    message = f"'{event['type']}' is not for this transport: see where the audio is carried."
    return Refused("invalid_event_for_transport", message, "type")
