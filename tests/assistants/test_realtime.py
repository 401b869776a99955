"""The Realtime dialect: golden server messages, every effect's JSON, and garbage."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime.realtime_client_event import RealtimeClientEvent
from pydantic import TypeAdapter

from audio.format import pcm16
from audio.g711 import ulaw_encode
from gateway.assistants.capabilities import OPENAI, Capabilities
from gateway.assistants.compatible import PROVIDERS
from gateway.assistants.realtime import APPEND, KINDS, LARGEST_APPEND, Realtime
from gateway.call import effects as do
from gateway.call.events import AssistantAudio
from gateway.call.plan import Plan, ToolSpec, TurnPolicy

GOLDEN = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "golden.jsonl").read_text().splitlines()
]
CLIENT_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeClientEvent)
TOOL = ToolSpec("find", "Finds an order.", {"type": "object", "properties": {}})


def able(provider: str) -> Capabilities:
    return OPENAI if provider == "openai" else PROVIDERS[provider].able


def shown(event: Any) -> list[Any]:
    fields = dataclasses.asdict(event)
    for key, value in fields.items():
        fields[key] = value.hex() if isinstance(value, bytes) else value
    return [type(event).__name__, json.loads(json.dumps(fields))]


def sent(dialect: Realtime, *effects: do.ToAssistant) -> list[dict[str, Any]]:
    return [json.loads(message) for effect in effects for message in dialect.encode(effect)]


def audio_delta(item_id: str, pcm: bytes, content_index: int = 0) -> bytes:
    return json.dumps(
        {
            "type": "response.output_audio.delta",
            "response_id": "r1",
            "item_id": item_id,
            "output_index": 0,
            "content_index": content_index,
            "delta": base64.b64encode(pcm).decode(),
        }
    ).encode()


@pytest.mark.parametrize("case", GOLDEN, ids=[case["case"] for case in GOLDEN])
def test_what_a_server_says_becomes_the_calls_events(case: dict[str, Any]) -> None:
    dialect = Realtime(pcm16(case["rate"]), able(case["provider"]), "model.test")
    messages = [json.dumps(message).encode() for message in case["server"]]
    events = [shown(event) for message in messages for event in dialect.decode(message)]
    assert events == case["events"]
    assert dict(dialect.ignored) == case["ignored"]


def test_key_order_and_spaces_do_not_matter() -> None:
    message = (
        '{ "delta" : "AQA=", "item_id":"a1",\n"response_id":"r1","type":"response.audio.delta"}'
    )
    assert Realtime(pcm16(24_000)).decode(message) == [AssistantAudio("r1", "a1", b"\x01\x00")]


# ---------------------------------------------------------------- effects

EVERY_EFFECT: list[do.ToAssistant] = [
    do.Configure(Plan(instructions="Be brief.", voice="marin", tools=(TOOL,), transcription="t")),
    do.Configure(Plan(turns=TurnPolicy(detector="server"))),
    do.Configure(Plan(turns=TurnPolicy(detector="semantic", eagerness="high"))),
    do.Configure(Plan(rate=8_000)),
    do.SendAudio(bytes(960)),
    do.Commit(),
    do.ClearInput(),
    do.SendText("Hi."),
    do.SendToolOutput("call_1", '{"ok":true}'),
    do.Respond(),
    do.Respond("Say hello."),
    do.Cancel(),
    do.Cancel("resp_1"),
    do.Truncate("item_1", 35_999),
    do.Delete("item_1"),
]


def strict(value: Any, model: Any) -> None:
    """Nothing in the JSON that the SDK's model has no field for."""
    if hasattr(model, "model_extra"):
        assert not model.model_extra, f"{type(model).__name__} does not know {model.model_extra}"
        for name in type(model).model_fields:
            strict(None, getattr(model, name))


@pytest.mark.parametrize("effect", EVERY_EFFECT, ids=repr)
def test_every_effect_is_an_event_that_the_sdk_knows(effect: do.ToAssistant) -> None:
    rate = effect.plan.rate if isinstance(effect, do.Configure) else 24_000
    (message,) = Realtime(pcm16(rate)).encode(effect)
    event = CLIENT_EVENT.validate_json(message, strict=True)
    assert event.type == json.loads(message)["type"]
    strict(None, event)


def test_a_plan_becomes_a_session() -> None:
    plan = Plan(
        instructions="Be brief.",
        voice="marin",
        language="en-US",
        transcription="gpt-transcribe",
        tools=(TOOL,),
    )
    (event,) = sent(Realtime(pcm16(24_000)), do.Configure(plan))
    assert event["session"] == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "Be brief.",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "turn_detection": None,
                "transcription": {"model": "gpt-transcribe", "language": "en"},
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "marin"},
        },
        "tools": [
            {
                "type": "function",
                "name": "find",
                "description": "Finds an order.",
                "parameters": {"type": "object", "properties": {}},
            }
        ],
        "tool_choice": "auto",
    }


def test_the_models_own_turn_detection_follows_the_policy() -> None:
    policy = TurnPolicy(detector="server", pre_roll=250_000, silence=600_000, threshold=0.7)
    (server,) = sent(Realtime(pcm16(24_000)), do.Configure(Plan(turns=policy)))
    assert server["session"]["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.7,
        "prefix_padding_ms": 250,
        "silence_duration_ms": 600,
        "create_response": True,
        "interrupt_response": True,
    }
    semantic = Plan(turns=TurnPolicy(detector="semantic", eagerness="low"))
    (event,) = sent(Realtime(pcm16(24_000)), do.Configure(semantic))
    assert event["session"]["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "low",
        "create_response": True,
        "interrupt_response": True,
    }
    (lesser,) = sent(Realtime(pcm16(24_000), PROVIDERS["xai"].able), do.Configure(semantic))
    assert lesser["session"]["turn_detection"]["type"] == "server_vad"


def test_a_telephone_speaks_mu_law_and_is_never_resampled() -> None:
    dialect = Realtime(pcm16(8_000))
    (event,) = sent(dialect, do.Configure(Plan(rate=8_000)))
    assert event["session"]["audio"]["input"]["format"] == {"type": "audio/pcmu"}
    assert event["session"]["audio"]["output"]["format"] == {"type": "audio/pcmu"}
    pcm = bytes(range(0, 160, 2)) * 2
    (append,) = sent(dialect, do.SendAudio(pcm))
    assert base64.b64decode(append["audio"]) == ulaw_encode(pcm)


def test_other_rates_are_resampled_at_the_edge_and_nothing_is_lost() -> None:
    dialect = Realtime(pcm16(16_000))
    tone = b"\x00\x10" * 1600
    events = sent(dialect, do.SendAudio(tone[:1000]), do.SendAudio(tone[1000:]), do.Commit())
    assert events[-1]["type"] == "input_audio_buffer.commit"
    pcm = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert len(pcm) == 2 * 2400
    whole = list(dialect.decode(audio_delta("a1", bytes(2 * 2400))))
    whole += dialect.decode(b'{"type":"response.output_audio.done","item_id":"a1"}')
    assert sum(len(e.pcm) for e in whole if isinstance(e, AssistantAudio)) == 2 * 1600


def test_audio_is_sent_as_it_is_in_one_cheap_message() -> None:
    pcm = bytes(range(256)) * 4
    (message,) = Realtime(pcm16(24_000)).encode(do.SendAudio(pcm))
    assert message == APPEND + base64.b64encode(pcm).decode() + '"}'
    assert Realtime(pcm16(24_000)).encode(do.SendAudio(b"")) == []


def test_more_audio_than_one_message_may_hold_goes_in_several() -> None:
    events = sent(Realtime(pcm16(24_000)), do.SendAudio(bytes(LARGEST_APPEND + 10)))
    assert [len(base64.b64decode(e["audio"])) for e in events] == [LARGEST_APPEND, 10]


def test_requests_are_named_so_that_errors_can_be_tied_to_them() -> None:
    events = sent(Realtime(pcm16(24_000)), do.Respond(), do.Cancel(), do.Delete("a1"))
    assert [e["event_id"] for e in events] == [
        "response.create-1",
        "response.cancel-2",
        "conversation.item.delete-3",
    ]


def test_cancel_names_the_response_where_it_is_known() -> None:
    dialect = Realtime(pcm16(24_000))
    dialect.decode(b'{"type":"response.created","response":{"id":"r1","conversation_id":"c"}}')
    assert sent(dialect, do.Cancel())[0]["response_id"] == "r1"
    assert sent(dialect, do.Cancel("r0"))[0]["response_id"] == "r0"
    dialect.decode(b'{"type":"response.done","response":{"id":"r1","conversation_id":"c"}}')
    assert "response_id" not in sent(dialect, do.Cancel())[0]


def test_truncation_rounds_down_names_the_audio_part_and_stays_within_what_came() -> None:
    dialect = Realtime(pcm16(24_000))
    dialect.decode(audio_delta("a1", bytes(2 * 24_000), content_index=1))
    (cut,) = sent(dialect, do.Truncate("a1", 23_999))
    assert (cut["item_id"], cut["content_index"], cut["audio_end_ms"]) == ("a1", 1, 999)
    assert sent(dialect, do.Truncate("a1", 99_999))[0]["audio_end_ms"] == 1000
    assert sent(dialect, do.Truncate("other", 240))[0]["audio_end_ms"] == 10
    assert Realtime(pcm16(24_000), PROVIDERS["qwen"].able).encode(do.Truncate("a1", 240)) == []


def test_a_beta_server_is_spoken_to_in_its_own_words() -> None:
    dialect = Realtime(pcm16(24_000), PROVIDERS["beta"].able)
    (event,) = sent(dialect, do.Configure(Plan(voice="alloy", transcription="whisper-1")))
    assert "type" not in event["session"]
    assert "audio" not in event["session"]
    assert event["session"]["input_audio_format"] == "pcm16"
    assert event["session"]["turn_detection"] is None
    assert event["session"]["voice"] == "alloy"
    assert event["session"]["modalities"] == ["text", "audio"]


def test_halves_of_characters_do_not_stop_an_effect() -> None:
    (event,) = sent(Realtime(pcm16(24_000)), do.SendText("a\ud83d"))
    assert event["item"]["content"] == [{"type": "input_text", "text": "a?"}]


# ---------------------------------------------------------------- garbage

KINDS_SEEN = sorted({m.get("type", "") for c in GOLDEN for m in c["server"] if m.get("type") != 7})
KEYS = sorted({key for case in GOLDEN for message in case["server"] for key in message})
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["completed", "function_call", "call_id", "AAA=", "audio", "sk-12345678"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *KEYS,
                    "id",
                    "status",
                    "output",
                    "usage",
                    "error",
                    "code",
                    "message",
                    "content",
                    "status_details",
                    "conversation_id",
                    "role",
                    "input_token_details",
                    "part",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
EVENTS = st.builds(
    lambda kind, fields: fields | {"type": kind},
    st.sampled_from(KINDS_SEEN),
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6),
)


@given(
    messages=st.lists(
        st.one_of(EVENTS.map(json.dumps), VALUES.map(json.dumps), st.text(), st.binary()),
        max_size=6,
    ),
    provider=st.sampled_from(["openai", "beta", "xai"]),
    rate=st.sampled_from([8_000, 16_000, 24_000]),
)
def test_no_message_of_a_server_raises(
    messages: list[str | bytes], provider: str, rate: int
) -> None:
    dialect = Realtime(pcm16(rate), able(provider), "model.test")
    for message in messages:
        for event in dialect.decode(message):
            assert "sk-12345678" not in repr(getattr(event, "message", "")) + repr(
                getattr(event, "reason", "")
            )
    for effect in EVERY_EFFECT:
        for out in dialect.encode(effect):
            json.loads(out)


def test_kinds_that_are_ignored_are_counted_within_bounds() -> None:
    dialect = Realtime(pcm16(24_000))
    for n in range(3 * KINDS):
        dialect.decode(json.dumps({"type": f"novelty.{n}"}))
    assert len(dialect.ignored) == KINDS + 1
    assert dialect.ignored["others"] == 2 * KINDS


def test_json_as_deep_as_a_well_is_only_ignored() -> None:
    dialect = Realtime(pcm16(24_000))
    assert dialect.decode(b'{"a":' * 100_000) == []
    assert dialect.ignored["not a JSON object"] == 1


def test_an_emoji_cut_in_two_costs_no_more_than_itself() -> None:
    dialect = Realtime(pcm16(24_000))
    done = rb'{"type":"response.done","response":{"id":"r1","x":"\ud83d","conversation_id":"c"}}'
    assert len(dialect.decode(done)) == 1
