"""The session object: what an update changes, and what it is refused for."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from openai.types.realtime import RealtimeSessionCreateRequest
from openai.types.realtime.realtime_transcription_session_create_request import (
    RealtimeTranscriptionSessionCreateRequest,
)

from gateway.protocol import sessions
from gateway.protocol.sessions import Facts
from gateway.protocol.wire import Json, Refused

FREE = Facts()


def fresh() -> Json:
    return sessions.new_session("realtime", "sess_1", "m", 1_790_000_000)


def updated(change: Json, session: Json | None = None, facts: Facts = FREE) -> Json:
    return sessions.update(session or fresh(), {"type": "realtime"} | change, facts)


def refusal(change: object, session: Json | None = None, facts: Facts = FREE) -> Refused:
    before = session or fresh()
    kept = copy.deepcopy(before)
    with pytest.raises(Refused) as raised:
        sessions.update(before, change, facts)
    assert before == kept
    return raised.value


def test_a_new_session_has_the_documented_defaults_and_is_a_valid_object() -> None:
    session = fresh()
    RealtimeSessionCreateRequest.model_validate(session)
    detection = session["audio"]["input"]["turn_detection"]
    assert detection["silence_duration_ms"] == 500
    assert (detection["create_response"], detection["interrupt_response"]) == (True, True)
    assert session["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24000}
    listening = sessions.new_session("transcription", "sess_2", "m", 1)
    RealtimeTranscriptionSessionCreateRequest.model_validate(listening)
    assert listening["object"] == "realtime.transcription_session"
    assert "output" not in listening["audio"]


def test_an_update_merges_field_by_field_and_leaves_the_old_session_alone() -> None:
    session = fresh()
    after = updated({"audio": {"input": {"format": {"type": "audio/pcmu"}}}}, session)
    assert session == fresh()
    assert after["audio"]["input"]["format"] == {"type": "audio/pcmu"}
    assert after["audio"]["output"] == session["audio"]["output"]
    assert after["audio"]["input"]["turn_detection"]["type"] == "server_vad"


def test_a_partial_turn_detection_keeps_the_rest_of_its_kind_and_fills_in_another() -> None:
    def detect(change: Any, session: Json | None = None) -> Json:
        return updated({"audio": {"input": {"turn_detection": change}}}, session)

    quick = detect({"type": "server_vad", "silence_duration_ms": 200})
    again = detect({"type": "server_vad", "threshold": 0.7}, quick)
    policy = again["audio"]["input"]["turn_detection"]
    assert (policy["silence_duration_ms"], policy["threshold"]) == (200, 0.7)
    semantic = detect({"type": "semantic_vad", "interrupt_response": False}, again)
    assert semantic["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": False,
    }
    assert detect(None, semantic)["audio"]["input"]["turn_detection"] is None


def test_fields_are_cleared_by_their_empty_values() -> None:
    full = updated({"instructions": "x", "tools": [{"type": "function", "name": "f"}]})
    assert full["tools"][0]["parameters"] == {"type": "object", "properties": {}}
    bare = updated({"instructions": "", "tools": []}, full)
    assert (bare["instructions"], bare["tools"]) == ("", [])


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (None, "missing_required_parameter", "Missing required parameter: 'session'."),
        ({}, "missing_required_parameter", "Missing required parameter: 'session.type'."),
        ({"type": "x"}, "invalid_value", "Invalid value: 'x'."),
        ({"temperature": 1}, "unknown_parameter", "Unknown parameter: 'session.temperature'."),
        (
            {"audio": {"input": {"colour": 1}}},
            "unknown_parameter",
            "Unknown parameter: 'session.audio.input.colour'.",
        ),
        ({"audio": {"video": {}}}, "unknown_parameter", "'session.audio.video'"),
        ({"audio": 3}, "invalid_type", "'session.audio'"),
        ({"audio": {"input": 3}}, "invalid_type", "'session.audio.input'"),
        ({"instructions": 3}, "invalid_type", "expected a string, but got an integer"),
        ({"output_modalities": ["audio", "text"]}, "invalid_value", "Supported values"),
        ({"max_output_tokens": 5000}, "invalid_value", "from 1 to 4096"),
        ({"max_output_tokens": "many"}, "invalid_type", "an integer"),
        ({"tools": [{"type": "mcp"}]}, "invalid_value", "'function'"),
        ({"tools": [{"type": "function"}]}, "missing_required_parameter", "tools[0].name"),
        ({"tool_choice": "maybe"}, "invalid_value", "'required'"),
        ({"audio": {"output": {"speed": 4}}}, "invalid_value", "from 0.25 to 1.5"),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}},
            "invalid_value",
            "24000",
        ),
        ({"audio": {"input": {"format": {"type": "audio/mp3"}}}}, "invalid_value", "'audio/pcma'"),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": "x"}}}},
            "invalid_type",
            "a number",
        ),
        (
            {
                "audio": {
                    "input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 100}}
                }
            },
            "invalid_value",
            "from 5000 to 30000",
        ),
        ({"audio": {"input": {"turn_detection": {}}}}, "", ""),
    ],
)
def test_a_bad_update_is_refused_whole(change: Any, code: str, message: str) -> None:
    if not code:
        assert updated(change) == fresh()  # an empty change of the same kind changes nothing
        return
    if isinstance(change, dict) and change and "type" not in change:
        change = {"type": "realtime", "instructions": "kept out", **change}
    refused = refusal(change)
    assert refused.code == code
    assert message in refused.message


def test_a_lenient_server_drops_what_it_does_not_know() -> None:
    change = {
        "temperature": 0.8,
        "output_modalities": ["text", "audio"],
        "audio": {"video": 1, "input": {"colour": 1, "noise_reduction": {"type": "near_field"}}},
    }
    after = sessions.update(fresh(), change, FREE, lenient=True)
    assert after["output_modalities"] == ["audio"]
    assert after["audio"]["input"]["noise_reduction"] == {"type": "near_field"}
    assert "temperature" not in after


def test_what_is_fixed_stays_fixed() -> None:
    other = {"type": "realtime", "audio": {"output": {"voice": "echo"}}}
    assert updated(other)["audio"]["output"]["voice"] == "echo"
    locked = refusal(other, facts=Facts(audio_present=True))
    assert locked.code == "cannot_update_voice"
    same = {"audio": {"output": {"voice": "marin", "speed": 1.2}}}
    assert updated(same, facts=Facts(audio_present=True))["audio"]["output"]["speed"] == 1.2

    assert updated({"model": "m"})["model"] == "m"
    assert refusal({"type": "realtime", "model": "n"}).param == "session.model"
    assert updated({"model": "n"}, facts=Facts(model_named=False))["model"] == "n"

    wrong_kind = refusal({"type": "transcription"})
    assert wrong_kind.message == (
        "Passing a transcription session update event to a realtime session is not allowed."
    )
    traced = updated({"tracing": "auto"})
    assert updated({"tracing": "auto"}, traced)["tracing"] == "auto"
    assert refusal({"type": "realtime", "tracing": None}, traced).param == "session.tracing"


def test_a_transcription_session_has_no_voice_and_no_tools() -> None:
    session = sessions.new_session("transcription", "sess_1", "m", 1)
    change: Json = {"type": "transcription", "include": None}
    change["audio"] = {"input": {"transcription": {"model": "w"}, "turn_detection": None}}
    after = sessions.update(session, change, FREE)
    assert after["audio"]["input"]["transcription"] == {"model": "w"}
    for key in ("tools", "instructions", "model"):
        assert refusal({"type": "transcription", key: []}, session).code == "unknown_parameter"
    spoken = {"type": "transcription", "audio": {"output": {}}}
    assert refusal(spoken, session).param == "session.audio.output"


def test_the_settings_of_a_response_stand_over_those_of_the_session() -> None:
    wanted = sessions.request(
        {
            "output_modalities": ["text"],
            "audio": {"output": {"format": {"type": "audio/pcma"}}},
            "metadata": {"a": "b"},
            "max_output_tokens": 7,
        }
    )
    settings = sessions.settings(fresh(), wanted)
    assert settings["output_modalities"] == ["text"]
    assert settings["format"] == {"type": "audio/pcma"}
    assert settings["voice"] == "marin"
    assert (settings["metadata"], settings["max_output_tokens"]) == ({"a": "b"}, 7)
    assert sessions.request(None) == {}


@pytest.mark.parametrize(
    "value",
    [
        {"metadata": {str(i): "x" for i in range(17)}},
        {"metadata": {"k" * 65: "x"}},
        {"metadata": {"k": "x" * 513}},
        {"metadata": {"k": 3}},
        {"conversation": "other"},
        {"voice": "ash"},
        {"input": {}},
    ],
)
def test_a_bad_request_for_a_response_is_refused(value: Json) -> None:
    with pytest.raises(Refused):
        sessions.request(value)
