"""The table between the Beta and the GA shape, both ways."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types.beta.realtime import RealtimeServerEvent as BetaServerEvent
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from gateway.protocol import beta

BETA_SESSION: dict[str, Any] = {
    "modalities": ["text", "audio"],
    "instructions": "Be brief.",
    "voice": "ash",
    "speed": 1.1,
    "input_audio_format": "g711_ulaw",
    "output_audio_format": "pcm16",
    "input_audio_transcription": {"model": "whisper-1"},
    "turn_detection": {"type": "server_vad", "threshold": 0.4},
    "max_response_output_tokens": 200,
    "temperature": 0.8,
    "tools": [],
}
GA_SESSION: dict[str, Any] = {
    "type": "realtime",
    "output_modalities": ["audio"],
    "instructions": "Be brief.",
    "tools": [],
    "max_output_tokens": 200,
    "audio": {
        "input": {
            "format": {"type": "audio/pcmu"},
            "transcription": {"model": "whisper-1"},
            "turn_detection": {"type": "server_vad", "threshold": 0.4},
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "ash", "speed": 1.1},
    },
}
GA_ITEM = {
    "id": "item_a",
    "type": "message",
    "role": "assistant",
    "status": "in_progress",
    "content": [{"type": "output_audio", "transcript": "Hi."}],
}
BETA_ITEM = GA_ITEM | {"content": [{"type": "audio", "transcript": "Hi."}]}
GA_RESPONSE = {
    "object": "realtime.response",
    "id": "resp_1",
    "status": "completed",
    "status_details": None,
    "output": [GA_ITEM],
    "conversation_id": "conv_1",
    "output_modalities": ["audio"],
    "max_output_tokens": "inf",
    "audio": {"output": {"format": {"type": "audio/pcma"}, "voice": "ash"}},
    "usage": None,
    "metadata": None,
}


def test_a_beta_session_update_becomes_a_ga_one() -> None:
    event = {"type": "session.update", "event_id": "e1", "session": BETA_SESSION}
    assert beta.to_ga_client(event) == [event | {"session": GA_SESSION}]


def test_a_ga_session_update_becomes_a_beta_one_without_what_beta_does_not_know() -> None:
    session = copy.deepcopy(GA_SESSION) | {"truncation": "auto", "tracing": None, "model": "m"}
    session["audio"]["input"]["turn_detection"]["idle_timeout_ms"] = 6000
    session["tools"] = [{"type": "mcp", "server_label": "x"}, {"type": "function", "name": "f"}]
    [event] = beta.to_beta_client({"type": "session.update", "session": session})
    wanted = {k: v for k, v in BETA_SESSION.items() if k != "temperature"}
    assert event["session"] == wanted | {
        "tracing": None,
        "tools": [{"type": "function", "name": "f"}],
    }


def test_only_the_keys_that_are_there_are_translated() -> None:
    event = {"type": "session.update", "session": {"turn_detection": None}}
    [ga] = beta.to_ga_client(event)
    assert ga["session"] == {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    assert beta.to_beta_client(ga) == [event]


def test_a_transcription_session_is_an_event_of_its_own_in_beta() -> None:
    old = {
        "type": "transcription_session.update",
        "session": {"input_audio_format": "pcm16", "input_audio_transcription": {"model": "m"}},
    }
    [ga] = beta.to_ga_client(old)
    assert ga["type"] == "session.update"
    assert ga["session"]["type"] == "transcription"
    assert beta.to_beta_client(ga) == [old]
    [updated] = beta.from_ga_server(ga | {"type": "session.updated"})
    assert updated["type"] == "transcription_session.updated"
    assert beta.from_beta_server(updated) == [ga | {"type": "session.updated"}]


@pytest.mark.parametrize(("old", "new"), [*beta.BETA_NAMES.items()])
def test_deltas_change_only_their_name(old: str, new: str) -> None:
    event = {"type": old, "event_id": "e", "item_id": "i", "delta": "x"}
    assert beta.from_ga_server(event) == [event | {"type": new}]
    assert beta.from_beta_server(event | {"type": new}) == [event]


def test_an_item_is_announced_once_in_beta_and_finished_in_ga() -> None:
    added = {"type": "conversation.item.added", "event_id": "e", "item": GA_ITEM}
    assert beta.from_ga_server(added | {"type": "conversation.item.done"}) == []
    [created] = beta.from_ga_server(added)
    assert created == added | {"type": "conversation.item.created", "item": BETA_ITEM}
    assert beta.from_beta_server(created) == [added]

    finished = created | {"item": BETA_ITEM | {"status": "completed"}}
    kinds = [e["type"] for e in beta.from_beta_server(finished)]
    assert kinds == ["conversation.item.added", "conversation.item.done"]
    output = {"type": "response.output_item.done", "event_id": "e", "item": BETA_ITEM}
    kinds = [e["type"] for e in beta.from_beta_server(output)]
    assert kinds == ["conversation.item.done", "response.output_item.done"]
    ids = [e["event_id"] for e in beta.from_beta_server(output)]
    assert len(set(ids)) == 2


def test_responses_and_their_requests_translate_both_ways() -> None:
    done = {"type": "response.done", "event_id": "e", "response": GA_RESPONSE}
    [old] = beta.from_ga_server(done)
    assert old["response"]["modalities"] == ["text", "audio"]
    assert old["response"]["output_audio_format"] == "g711_alaw"
    assert old["response"]["output"] == [BETA_ITEM]
    assert old["response"]["max_output_tokens"] == "inf"
    assert beta.from_beta_server(old) == [done]

    request = {
        "type": "response.create",
        "response": {
            "output_modalities": ["text"],
            "conversation": "none",
            "max_output_tokens": 9,
            "input": [{"type": "item_reference", "id": "item_1"}, GA_ITEM],
        },
    }
    [asked] = beta.to_beta_client(request)
    assert asked["response"]["modalities"] == ["text"]
    assert asked["response"]["max_output_tokens"] == 9
    assert asked["response"]["input"][1] == BETA_ITEM
    assert beta.to_ga_client(asked) == [request]
    bare = {"type": "response.create"}
    assert beta.to_ga_client(bare) == beta.to_beta_client(bare) == [bare]


def test_a_beta_update_is_recognised_by_its_flat_keys() -> None:
    assert beta.is_beta_session({"voice": "ash"})
    assert not beta.is_beta_session({"type": "realtime", "voice": "ash"})
    assert not beta.is_beta_session({"instructions": "x"})
    assert not beta.is_beta_session(None)
    assert beta.ga_only_key({"voice": "ash", "audio": {}}) == "audio"
    assert beta.ga_only_key({"voice": "ash"}) is None


def test_translated_events_satisfy_the_models_of_both_shapes() -> None:
    ga: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
    old: TypeAdapter[Any] = TypeAdapter(BetaServerEvent)
    session = {"object": "realtime.session", "id": "s"} | GA_SESSION
    for event in (
        {"type": "session.created", "event_id": "e", "session": session},
        {"type": "response.done", "event_id": "e", "response": GA_RESPONSE},
        {"type": "conversation.item.added", "event_id": "e", "item": GA_ITEM},
    ):
        ga.validate_python(event)
        for translated in beta.from_ga_server(event):
            old.validate_python(translated)
            for back in beta.from_beta_server(translated):
                ga.validate_python(back)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "audio", "input", "output", "format", "content", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=6,
)
KINDS = ["session.update", "session.created", "response.create", "response.done", "x", None]
KINDS += ["conversation.item.create", "conversation.item.created", "conversation.item.added"]
KEYS = st.sampled_from(["session", "item", "response", *beta.PLACES, "role", "content", "input"])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(KINDS), st.dictionaries(KEYS, values, max_size=5))
def test_no_event_however_malformed_breaks_the_table_or_is_changed_in_place(
    kind: object, body: dict[str, Any]
) -> None:
    event = body | {"type": kind, "session": body, "response": body, "item": body}
    before = copy.deepcopy(event)
    for change in (
        beta.to_ga_client,
        beta.from_ga_server,
        beta.to_beta_client,
        beta.from_beta_server,
    ):
        assert isinstance(change(event), list)
        assert event == before
