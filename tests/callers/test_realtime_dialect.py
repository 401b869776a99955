"""The Realtime dialect by itself: sound carried elsewhere, two formats, recovery, and garbage."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.realtime import RealtimeServerEvent
from pydantic import Field, TypeAdapter

from audio.format import Format, pcm16
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.plan import Plan, TurnPolicy
from gateway.callers.dialect import Reply, facts
from gateway.callers.realtime import LEAD, Offer, RealtimeDialect
from gateway.errors import WireError

EVENT: TypeAdapter[Any] = TypeAdapter(Annotated[RealtimeServerEvent, Field(discriminator="type")])
Json = dict[str, Any]
PLAN = Plan(call_id="call_0123456789abcdef", instructions="Be kind.", greeting="Say hello.")


class Client:
    """One client's dialect, with all events that it was told held against the types."""

    def __init__(self, plan: Plan = PLAN, begun: bool = True, **offer: Any) -> None:
        self.dialect = RealtimeDialect(Offer(plan, "gpt-realtime-2.1", **offer), "tag")
        self.told: list[Json] = []
        self.take(self.dialect.opened())
        if begun:
            self.plan = self.dialect.begin()

    def take(self, messages: Any) -> list[Json]:
        new = [json.loads(message) for message in messages]
        for event in new:
            EVENT.validate_python(event)
        self.told += new
        return new

    def says(self, kind: str, **fields: Any) -> list[on.Event]:
        return self.sends(json.dumps({"type": kind, **fields}))

    def sends(self, message: str | bytes) -> list[on.Event]:
        told = list(facts(self.dialect.decode(message)))
        self.take(fact.message for fact in told if isinstance(fact, Reply))
        return [fact for fact in told if not isinstance(fact, Reply)]

    def configures(self, **session: Any) -> Plan:
        told = self.says("session.update", session={"type": "realtime", **session})
        changed = [fact for fact in told if isinstance(fact, on.PlanChanged)]
        assert self.told[-1]["type"] == "session.updated", self.told[-1]
        return changed[0].plan if changed else self.dialect.begin()

    def sees(self, *effects: do.ToCaller) -> list[str]:
        return [one["type"] for effect in effects for one in self.take(self.dialect.encode(effect))]

    def error(self) -> Json:
        assert self.told[-1]["type"] == "error"
        error: Json = self.told[-1]["error"]
        return error


def answer(client: Client, words: str = "Hello.", samples: int = 24_000) -> None:
    client.sees(do.ShowResponse("resp_1", "in_progress"))
    client.sees(do.ShowWords("item_a", "assistant", words, 0, False))
    client.sees(do.Play("item_a", bytes(samples * 2), 0, 0))


# ---------------------------------------------------------------- the plan


def test_a_plan_leaves_playback_to_the_client_and_the_first_word_as_well() -> None:
    plan = Client().plan
    assert (plan.playback.lead, plan.playback.cut_by) == (LEAD, "caller")
    assert (plan.greeting, plan.relays, plan.extras) == ("", True, {})
    assert plan.instructions == "Be kind."


def test_the_clients_detection_becomes_a_turn_policy() -> None:
    client = Client()
    detection = {"type": "server_vad", "silence_duration_ms": 700, "prefix_padding_ms": 200}
    detection |= {"create_response": False, "interrupt_response": False, "idle_timeout_ms": 6000}
    plan = client.configures(audio={"input": {"turn_detection": detection}})
    assert plan.turns.detector == "gateway"
    assert (plan.turns.hang_over, plan.turns.pre_roll) == (700_000, 200_000)
    assert not plan.turns.create_response
    assert not plan.turns.interrupt_response
    assert plan.idle.after == 6_000_000
    semantic = {"type": "semantic_vad", "eagerness": "low"}
    plan = client.configures(audio={"input": {"turn_detection": semantic}})
    assert (plan.turns.detector, plan.turns.eagerness) == ("semantic", "low")
    plan = client.configures(audio={"input": {"turn_detection": None}})
    assert plan.turns.detector == "manual"


def test_where_the_operator_has_the_model_detect_so_it_does() -> None:
    client = Client(replace(PLAN, turns=TurnPolicy(detector="server", silence=640_000)))
    assert client.plan.turns.detector == "server"
    shown = client.told[0]["session"]["audio"]["input"]["turn_detection"]
    assert shown["silence_duration_ms"] == 640
    plan = client.configures(
        audio={"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 300}}}
    )
    assert (plan.turns.detector, plan.turns.silence) == ("server", 300_000)


def test_what_the_call_has_no_word_for_is_kept_for_the_model_and_only_that() -> None:
    plan = Client().configures(
        output_modalities=["text"],
        max_output_tokens=99,
        tool_choice="none",
        audio={"output": {"speed": 1.2}, "input": {"noise_reduction": {"type": "near_field"}}},
    )
    assert plan.extras == {
        "output_modalities": ["text"],
        "max_output_tokens": 99,
        "tool_choice": "none",
        "audio": {
            "input": {"noise_reduction": {"type": "near_field"}},
            "output": {"speed": 1.2},
        },
    }


@pytest.mark.parametrize(
    ("heard", "spoken", "call"),
    [
        ("audio/pcmu", "audio/pcmu", Format("pcmu", 8_000)),
        ("audio/pcma", "audio/pcma", Format("pcma", 8_000)),
        ("audio/pcmu", "audio/pcm", pcm16(24_000)),
    ],
)
def test_a_calls_format_is_the_clients_until_it_begins(
    heard: str, spoken: str, call: Format
) -> None:
    client = Client(begun=False)
    sides = {"input": {"format": {"type": heard}}, "output": {"format": {"type": spoken}}}
    for side in sides.values():
        if side["format"]["type"] == "audio/pcm":
            side["format"]["rate"] = 24_000  # type: ignore[assignment]
    assert client.configures(audio=sides).format == call
    assert client.configures(audio={"input": {"format": {"type": "audio/pcmu"}}}).format == call


def test_another_format_in_the_middle_is_converted() -> None:
    client = Client()
    client.configures(audio={"input": {"format": {"type": "audio/pcmu"}}})
    (heard,) = client.says(
        "input_audio_buffer.append", audio=base64.b64encode(b"\xff" * 8_000).decode()
    )
    assert isinstance(heard, on.CallerAudio)
    assert abs(len(heard.pcm) - 48_000) < 200


def test_one_answer_may_be_in_a_format_of_its_own() -> None:
    client = Client()
    ulaw = {"audio": {"output": {"format": {"type": "audio/pcmu"}}}}
    (wanted,) = client.says("response.create", response=ulaw)
    assert isinstance(wanted, on.AnswerWanted)
    assert "audio" not in wanted.options
    client.sees(do.ShowResponse("resp_1", "in_progress", request=wanted.request))
    client.sees(do.Play("item_a", bytes(48_000), 0, 0), do.ShowResponse("resp_1", "completed"))
    deltas = [e["delta"] for e in client.told if e["type"] == "response.output_audio.delta"]
    assert len(base64.b64decode("".join(deltas[:1]))) + len(base64.b64decode(deltas[-1])) == 8_000


# ---------------------------------------------------------------- where a leg carries the sound


def test_with_sound_elsewhere_no_audio_is_in_the_messages_and_the_leg_tells() -> None:
    client = Client(media=False, format=pcm16(48_000))
    assert client.plan.rate == 48_000
    assert client.plan.playback.cut_by == "gateway"
    answer(client)
    client.take(client.dialect.playout("started", "item_a"))
    client.sees(do.ShowResponse("resp_1", "completed"))
    client.take(client.dialect.playout("stopped", "item_a"))
    kinds = [event["type"] for event in client.told]
    assert "response.output_audio.delta" not in kinds
    assert "response.output_audio_transcript.delta" in kinds
    assert kinds[-1] == "output_audio_buffer.stopped"
    assert {e["response_id"] for e in client.told if "audio_buffer" in e["type"]} == {"resp_1"}


def test_with_sound_elsewhere_the_gateway_truncates_and_the_client_is_told() -> None:
    client = Client(media=False)
    answer(client)
    client.sees(do.ShowCut("item_a", 12_000))
    client.take(client.dialect.playout("cleared", "item_a"))
    cut, cleared = client.told[-2:]
    assert (cut["type"], cut["audio_end_ms"]) == ("conversation.item.truncated", 500)
    assert cleared["type"] == "output_audio_buffer.cleared"


def test_with_sound_elsewhere_the_client_may_clear_it_and_not_append() -> None:
    client = Client(media=False)
    assert client.says("output_audio_buffer.clear") == [on.CallerOrdered("flush")]
    assert client.says("input_audio_buffer.append", audio="AAAA") == []
    assert client.error()["code"] == "invalid_event_for_transport"


# ---------------------------------------------------------------- what else the stream owes


def test_the_caller_joins_with_the_first_message_whatever_it_is() -> None:
    joined = on.CallerJoined("10.0.0.1")
    client = Client(joined=joined)
    assert client.sends("{") == [joined]
    assert client.says("response.cancel") == []


def test_a_turn_that_another_session_hears_again_is_told_once() -> None:
    client = Client()
    client.sees(do.ShowTurn("began", "", 4800, 1), do.ShowTurn("ended", "", 48_000, 1))
    assert client.sees(do.ShowTurn("committed", "item_m", 0, 1))
    assert not client.sees(do.ShowTurn("committed", "item_n", 0, 1))
    item_id = client.told[-1]["item"]["id"]
    (asked,) = client.says("conversation.item.delete", item_id=item_id)
    assert isinstance(asked, on.CallerAsked)
    assert asked.message["item_id"] == "item_n"


def test_an_item_of_the_gateways_own_cannot_be_named() -> None:
    client = Client()
    assert client.says("conversation.item.retrieve", item_id="item_hidden", event_id="e") == []
    assert client.error()["event_id"] == "e"


def test_words_that_come_before_their_turn_is_an_item_wait_for_it() -> None:
    client = Client()
    client.configures(audio={"input": {"transcription": {"model": "gpt-transcribe"}}})
    client.sees(do.ShowTurn("began", "", 0, 1))
    assert not client.sees(do.ShowWords("item_m", "caller", "Where", 0, False))
    seen = client.sees(do.ShowTurn("committed", "item_m", 0, 1))
    assert seen[-1] == "conversation.item.input_audio_transcription.delta"
    client.sees(do.ShowWords("item_m", "caller", "Where is it", 0, False))
    assert client.told[-1]["delta"] == " is it"
    client.sees(do.ShowWords("item_m", "caller", "Where is it?", 0, True))
    assert client.told[-1]["transcript"] == "Where is it?"
    assert client.told[-1]["item_id"] == client.told[-4]["item"]["id"]


def test_what_the_gateway_says_itself_is_an_answer_too() -> None:
    client = Client()
    client.sees(do.Play("notice", bytes(4800), 0, 0))
    client.take(client.dialect.farewell("the model is gone", None))
    kinds = [event["type"] for event in client.told]
    assert kinds[1] == "response.created"
    assert client.told[-1]["response"]["status"] == "failed"


def test_the_voice_is_fixed_once_it_was_heard() -> None:
    client = Client()
    client.configures(audio={"output": {"voice": "cedar"}})
    answer(client)
    update = {"type": "realtime", "audio": {"output": {"voice": "ash"}}}
    assert client.says("session.update", session=update) == []
    assert client.error()["code"] == "cannot_update_voice"


def test_a_refusal_comes_back_under_the_clients_own_name() -> None:
    client = Client()
    (wanted,) = client.says("response.create", event_id="mine")
    assert isinstance(wanted, on.AnswerWanted)
    client.sees(do.ShowRefusal(wanted.request, "no_answer", "None came."))
    assert client.error()["event_id"] == "mine"
    assert client.says("response.create")


@pytest.mark.parametrize(
    ("code", "kind"),
    [("audio_too_fast", "invalid_request_error"), ("assistant_lost", "server_error")],
)
def test_troubles_that_concern_the_client_are_errors(code: str, kind: str) -> None:
    client = Client()
    client.sees(do.ShowNotice(code, "Something is wrong."))
    assert client.error()["type"] == kind
    assert not client.sees(do.ShowNotice("answer_failed", "The answer says so itself."))


# ---------------------------------------------------------------- garbage

WORDS = st.text(max_size=8) | st.sampled_from(["message", "user", "function_call_output", "none"])
NAMES = WORDS | st.sampled_from(["type", "role", "call_id", "id", "conversation", "input", "tools"])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)
FIELDS = (
    *("session", "audio", "item", "item_id", "content_index", "audio_end_ms", "response"),
    *("response_id", "previous_item_id", "event_id"),
)
KINDS = st.sampled_from(
    [
        *("session.update", "input_audio_buffer.append", "input_audio_buffer.commit"),
        *("input_audio_buffer.clear", "output_audio_buffer.clear", "conversation.item.create"),
        *("conversation.item.retrieve", "conversation.item.truncate", "conversation.item.delete"),
        *("response.create", "response.cancel"),
    ]
)
NEAR = st.fixed_dictionaries(
    {"type": KINDS}, optional={name: JUNK | st.just("item_a") for name in FIELDS}
)
SESSION_KEYS = ("instructions", "tools", "audio", "output_modalities", "voice", "turn_detection")
UPDATES = st.fixed_dictionaries(
    {"type": st.just("session.update")},
    optional={
        "session": st.fixed_dictionaries(
            {"type": st.just("realtime") | JUNK}, optional=dict.fromkeys(SESSION_KEYS, JUNK)
        )
    },
)


RAW = st.binary(max_size=40) | st.text(max_size=40)


@settings(max_examples=300, deadline=None)
@given(st.lists(RAW | (NEAR | UPDATES | JUNK).map(json.dumps)))
def test_garbage_is_answered_and_nothing_else_is_raised(messages: list[str | bytes]) -> None:
    client = Client()
    answer(client)
    try:
        for message in messages:
            client.sends(message)
    except WireError:
        return
    client.sees(do.ShowResponse("resp_1", "completed"))
    assert client.dialect.begin().format == pcm16(24_000)


def test_the_sound_of_an_item_is_as_the_call_has_it() -> None:
    client = Client()
    client.configures(audio={"input": {"format": {"type": "audio/pcmu"}}})
    part = {"type": "input_audio", "audio": base64.b64encode(b"\xff" * 8_000).decode()}
    item = {"type": "message", "role": "user", "content": [part]}
    (asked,) = client.says("conversation.item.create", item=item)
    assert isinstance(asked, on.CallerAsked)
    assert len(base64.b64decode(asked.message["item"]["content"][0]["audio"])) == 48_000
    part["audio"] = "!"
    assert client.says("conversation.item.create", item=item) == []
    assert client.error()["param"] == "item.content[0].audio"
