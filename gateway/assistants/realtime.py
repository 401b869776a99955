"""The Realtime dialect, the model's side of it: server events to the call's events, and its effects
to client events. Follows the generally available Realtime API of OpenAI; Beta servers go through
`beta`. Pure: no clock, no socket. One for each connection, so that two never share state.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, assert_never

from audio.convert import Converter
from audio.format import Format
from gateway.assistants import reasons
from gateway.assistants.capabilities import OPENAI, Capabilities, wire_formats
from gateway.assistants.codec import Receiving
from gateway.assistants.deltas import AudioDelta, WordsDelta, delta_of
from gateway.assistants.fields import Json, count, inner, parse, text, written
from gateway.assistants.relay import Relay
from gateway.assistants.responses import ArgumentPieces, function_calls, outcome, tokens
from gateway.assistants.sessions import offer, offered, request_of, session_of
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.faults import TRUNCATE, ends_session
from gateway.call.plan import Plan, ToolSpec
from gateway.protocol.beta import from_beta_server, to_beta_client
from gateway.recent import keep

ITEMS = 64  # whose audio part is remembered, for truncation; answers beside the conversation
LARGEST_APPEND = 6 * 1024 * 1024  # bytes; base64 makes 8 MiB of it, servers take 15
MINUTE_US = 60_000_000
KINDS = 64  # different kinds of ignored messages that are counted apart

APPEND = '{"type":"input_audio_buffer.append","audio":"'

# Server events that say nothing that a call has to know.
QUIET = frozenset(
    {"session.updated", "conversation.created", "conversation.item.added", "rate_limits.updated"}
    | {"conversation.item.done", "conversation.item.created", "conversation.item.truncated"}
    | {"conversation.item.deleted", "conversation.item.retrieved", "input_audio_buffer.cleared"}
    | {"response.content_part.done", "response.output_text.done"}
    | {"response.output_audio_transcript.done", "response.function_call_arguments.done"}
    | {"input_audio_buffer.timeout_triggered"}
)


@dataclass(slots=True)
class Voice:
    """What has come of an item's audio."""

    content_index: int
    samples: int = 0  # at the call's rate


class Realtime:
    """One connection's translation."""

    def __init__(
        self,
        call: Format,
        able: Capabilities = OPENAI,
        host: str = "the assistant",
        redact: Callable[[str], str] = reasons.redact,
    ) -> None:
        self.rate = call.rate
        self._call = call
        self.able = able
        self.host = host
        self.opened = False
        self.ignored: Counter[str] = Counter()  # messages that were skipped, by kind
        self._redact = redact
        self._wires = wire_formats(call, able)
        self._sending = Converter(call, self._wires[0])
        self._receiving = Receiving(self._wires[1], call)
        self._voices: dict[str, Voice] = {}
        self._speaking: dict[str, str] = {}  # item whose audio is not complete -> its response
        self._calls: dict[str, list[Json]] = {}  # response -> function calls announced by item
        self._pieces = ArgumentPieces()
        self._theirs: tuple[ToolSpec, ...] = ()  # functions of the caller's own
        self._instructions = ""  # of the session
        self._aside: set[str] = set()  # responses outside the conversation
        self._current = ""  # the response being made, where its id is known
        self._relay = Relay(call, self._wires[0])
        self._requests = 0
        self._cuts: dict[str, str] = {}  # request to truncate -> its item
        self.expires_at = 0  # unix time at which the server will end the session; 0: not said

    # ------------------------------------------------------------ from the server

    def decode(self, message: bytes | str) -> list[on.FromAssistant]:
        """What a message from the server means; one that means nothing is counted. Never raises."""
        raw = message.encode("utf-8", "replace") if isinstance(message, str) else message
        delta = delta_of(raw)
        if isinstance(delta, AudioDelta):
            return self._audio(delta)
        if delta is not None and delta.response_id not in self._relay.answers:
            return self._words(delta)
        event = parse(raw)
        if event is None:
            self._ignore("not a JSON object")
            return []
        shaped = from_beta_server(event) if self.able.shape == "beta" else [event]
        return [fact for one in shaped for fact in self._take(one)]

    def _take(self, event: Json) -> Iterator[on.FromAssistant]:
        if self._relay.open and self._relay.is_for_caller(event):
            yield on.AssistantTold(event)
        kind = text(event, "type")
        if kind in QUIET:
            return
        item_id = text(event, "item_id")
        match kind:
            case "session.created":
                session = inner(event, "session")
                self.opened = True
                limit = self.able.minutes * MINUTE_US
                self.expires_at = count(session, "expires_at") if self.able.expiry else 0
                yield on.AssistantReady(text(session, "id"), text(session, "model"), limit)
            case "input_audio_buffer.speech_started":
                yield on.SpeechStarted(item_id, self._samples(event, "audio_start_ms"))
            case "input_audio_buffer.speech_stopped":
                yield on.SpeechStopped(item_id, self._samples(event, "audio_end_ms"))
            case "input_audio_buffer.committed":
                yield on.TurnCommitted(item_id)
            case "conversation.item.input_audio_transcription.delta":
                yield on.CallerWords(item_id, text(event, "delta"), final=False)
            case "conversation.item.input_audio_transcription.completed":
                yield on.CallerWords(item_id, text(event, "transcript"), final=True)
            case "conversation.item.input_audio_transcription.failed":
                # The turn was heard all the same; only its words are not known.
                yield on.CallerWords(item_id, "", final=True)
            case "error":
                yield from self._error(inner(event, "error"))
            case _ if kind.startswith("response."):
                yield from self._response(kind, event)
            case _:
                self._ignore(kind)

    def _response(self, kind: str, event: Json) -> Iterator[on.FromAssistant]:
        response_id, item_id = text(event, "response_id"), text(event, "item_id")
        if response_id in self._aside:
            return
        match kind:
            case "response.created":
                yield from self._started(inner(event, "response"))
            case "response.done":
                yield from self._ended(inner(event, "response"))
            case "response.content_part.added":
                if text(inner(event, "part"), "type") in ("audio", "output_audio"):
                    self._voice(item_id, count(event, "content_index"))
            case "response.output_audio_transcript.delta" | "response.output_text.delta":
                yield on.AssistantWords(response_id, item_id, text(event, "delta"))
            case "response.output_item.added":
                self._pieces.begin(inner(event, "item"))
            case "response.function_call_arguments.delta":
                yield from self._pieces.piece(event)
            case "response.output_audio.done":
                yield from self._silent(response_id, item_id)
            case "response.output_item.done":
                item = inner(event, "item")
                if text(item, "type") == "function_call":
                    self._calls.setdefault(response_id, []).append(item)
                    yield on.ItemEnded(response_id, text(item, "id"))
                # Not every server says that the audio is done when an answer is cut.
                if text(item, "id") in self._speaking:
                    yield from self._silent(response_id, text(item, "id"))
            case _:
                self._ignore(kind)

    def _audio(self, heard: AudioDelta) -> list[on.FromAssistant]:
        if heard.response_id in self._aside:
            return []
        pcm = self._receiving.push(heard.item_id, heard.delta)
        self._speaking.setdefault(heard.item_id, heard.response_id)
        self._voice(heard.item_id, heard.content_index).samples += self._call.samples(pcm)
        return [on.AssistantAudio(heard.response_id, heard.item_id, pcm)] if pcm else []

    def _words(self, said: WordsDelta) -> list[on.FromAssistant]:
        if said.response_id in self._aside:
            return []
        return [on.AssistantWords(said.response_id, said.item_id, said.delta)]

    def _silent(self, response_id: str, item_id: str) -> Iterator[on.FromAssistant]:
        """An item's audio is complete."""
        self._speaking.pop(item_id, None)
        rest = self._receiving.end(item_id)
        if rest:
            self._voice(item_id, 0).samples += self._call.samples(rest)
            yield on.AssistantAudio(response_id, item_id, rest)
        yield on.ItemEnded(response_id, item_id)

    def _started(self, response: Json) -> Iterator[on.FromAssistant]:
        response_id = text(response, "id")
        if self._is_aside(response):
            if len(self._aside) < ITEMS:
                self._aside.add(response_id)
            return
        self._current = response_id
        yield on.ResponseStarted(response_id)

    def _ended(self, response: Json) -> Iterator[on.FromAssistant]:
        response_id = text(response, "id")
        announced = self._calls.pop(response_id, [])
        if response_id in self._aside or self._is_aside(response):
            self._aside.discard(response_id)
            return
        if self._current == response_id:
            self._current = ""
        for item_id in [i for i, made_by in self._speaking.items() if made_by == response_id]:
            yield from self._silent(response_id, item_id)
        status, reason, code = outcome(response)
        calls, used = function_calls(announced, response), tokens(response)
        yield on.ResponseEnded(response_id, status, self._redact(reason), calls, used, code)

    def _is_aside(self, response: Json) -> bool:
        return self.able.out_of_band and response.get("conversation_id", "") is None

    def _error(self, error: Json) -> Iterator[on.FromAssistant]:
        code = text(error, "code") or text(error, "type")
        message = self._redact(text(error, "message"))
        if self.opened:
            request = text(error, "event_id")
            yield on.AssistantRefused(code, message, request, self._cuts.get(request, ""))
        if ends_session(code) or not self.opened:
            yield on.AssistantLost(reasons.of_error(self.host, code, message), code)

    def _samples(self, event: Json, key: str) -> int:
        return count(event, key) * self.rate // 1000

    def _voice(self, item_id: str, content_index: int) -> Voice:
        found = self._voices.get(item_id)
        if found is None:
            found = Voice(content_index)
            keep(self._voices, item_id, found, ITEMS)
        return found

    def _ignore(self, kind: str) -> None:
        if kind not in self.ignored and len(self.ignored) >= KINDS:
            kind = "others"
        self.ignored[kind[:80] or "no type"] += 1

    # ------------------------------------------------------------ to the server

    def encode(self, effect: do.ToAssistant) -> list[str]:
        """The messages that carry out an effect, ready to be sent as text frames."""
        match effect:
            case do.SendAudio(pcm):
                return self.append(pcm)
            case do.Configure(plan):
                return self._configure(plan)
            case do.Commit():
                return self.append(b"", last=True) + self._say("input_audio_buffer.commit")
            case do.ClearInput():
                self._sending.flush()
                return self._say("input_audio_buffer.clear")
            case do.OfferTools(tools):
                self._pieces.wanted = tools
                return self._say("session.update", session=offer(offered(tools, self._theirs)))
            case do.SendText() | do.SendToolCall() | do.SendToolOutput() | do.Remind():
                return self._say("conversation.item.create", item=self._item(effect))
            case do.Respond():
                self._current = ""
                asked = request_of(effect, self._pieces.wanted, self._instructions)
                return self._say("response.create", **asked)
            case do.Relay(message, request):
                return self._shape(self._relay.sent(message, request))
            case do.Cancel(response_id):
                named = response_id or self._current
                extra_id = {"response_id": named} if named else {}
                return self._say("response.cancel", **extra_id)
            case do.Truncate(item_id, heard):
                return self._truncate(item_id, heard)
            case do.Delete(item_id):
                return self._say("conversation.item.delete", item_id=item_id)
            case _:
                assert_never(effect)

    def _configure(self, plan: Plan) -> list[str]:
        self._pieces.wanted, self._theirs = plan.tools, plan.caller_tools
        self._relay.open, self._instructions = plan.relays, plan.instructions
        session = session_of(plan, self.able, *self._wires)
        return self._say("session.update", session=session)

    def append(self, pcm: bytes, *, last: bool = False) -> list[str]:
        """What lets the model hear this. It goes by the thousand: no encoder but base64."""
        data = self._sending.push(pcm)
        data += self._sending.flush() if last else b""  # what was held back
        messages = []
        for at in range(0, len(data), LARGEST_APPEND):
            piece = b2a_base64(data[at : at + LARGEST_APPEND], newline=False)
            messages.append(APPEND + piece.decode("ascii") + '"}')
        return messages

    def _item(self, effect: do.SendText | do.SendToolCall | do.SendToolOutput | do.Remind) -> Json:
        match effect:
            case do.SendToolCall(call_id, name, arguments):
                made = {"call_id": call_id, "name": name, "arguments": arguments}
                return {"type": "function_call", **made}
            case do.SendToolOutput(call_id, output, named):
                self._relay.expect_item(named)
                given = {"call_id": call_id, "output": output} | ({"id": named} if named else {})
                return {"type": "function_call_output", **given}
            case do.Remind("assistant", words):
                return message("assistant", "output_text", words)
            case do.Remind("system", words):
                return message("system", "input_text", words)
            case do.Remind(_, words) | do.SendText(words):
                return message("user", "input_text", words)
            case _:
                assert_never(effect)

    def _truncate(self, item_id: str, heard: int) -> list[str]:
        if not self.able.truncation:
            return []
        voice = self._voices.get(item_id)
        if voice is not None:
            heard = min(heard, voice.samples)  # beyond what came, a server refuses it
        keep(self._cuts, f"{TRUNCATE}-{self._requests + 1}", item_id, ITEMS)
        return self._say(
            TRUNCATE,
            item_id=item_id,
            content_index=voice.content_index if voice is not None else 0,
            audio_end_ms=heard * 1000 // self.rate,
        )

    def _say(self, kind: str, **fields: Any) -> list[str]:
        """A client event whose id names what was asked, so that an error can be tied to it."""
        self._requests += 1
        return self._shape({"type": kind, "event_id": f"{kind}-{self._requests}", **fields})

    def _shape(self, event: Json) -> list[str]:
        shaped = to_beta_client(event) if self.able.shape == "beta" else [event]
        return [written(one) for one in shaped]


def message(role: str, kind: str, words: str) -> Json:
    """An item of the conversation that is text."""
    return {"type": "message", "role": role, "content": [{"type": kind, "text": words}]}
