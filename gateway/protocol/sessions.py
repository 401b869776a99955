"""The session object of the Realtime API: defaults, merging, and what may change when. Pure.

A session is held in its wire shape, whole. An update returns a new one, or is refused as a whole.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Literal

from gateway.protocol import schema
from gateway.protocol.schema import Check, Fields, flag, list_of, nullable, number, one_of, text
from gateway.protocol.wire import Json, Refused, missing, unknown_key, unknown_value, wrong_type

Kind = Literal["realtime", "transcription"]

SERVER_VAD: Json = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,  # as documented; sessions of OpenAI have been seen with 200
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
SEMANTIC_VAD: Json = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}
PCM: Json = {"type": "audio/pcm", "rate": 24_000}
READ_ONLY = ("id", "object", "expires_at")
EFFORTS = ("minimal", "low", "medium", "high", "xhigh")


def _rate(value: object, path: str, lenient: bool) -> object:
    if value != 24_000:
        raise unknown_value(value, ["24000"], path)
    return value


def _voice(value: object, path: str, lenient: bool) -> object:
    if isinstance(value, dict):
        return Fields({"id": text}, required=("id",))(value, path, lenient)
    return text(value, path, lenient)


def _modalities(value: object, path: str, lenient: bool) -> object:
    if value == ["text"] or value == ["audio"]:
        return value
    if lenient and isinstance(value, list) and "audio" in value:
        return ["audio"]
    raise unknown_value(value, ["['audio']", "['text']"], path)


def _tokens(value: object, path: str, lenient: bool) -> object:
    return value if value == "inf" else schema.integer(1, 4096)(value, path, lenient)


def _tool_choice(value: object, path: str, lenient: bool) -> object:
    if isinstance(value, dict):
        return schema.by_type(function=Fields({"type": text, "name": text}, ("name",)))(
            value, path, lenient
        )
    return one_of("auto", "none", "required")(value, path, lenient)


def _truncation(value: object, path: str, lenient: bool) -> object:
    if isinstance(value, dict):
        limits = Fields({"post_instructions": schema.integer(0, 10_000_000)})
        ratio = Fields(
            {"type": text, "retention_ratio": number(0, 1), "token_limits": nullable(limits)},
            required=("retention_ratio",),
        )
        return schema.by_type(retention_ratio=ratio)(value, path, lenient)
    return one_of("auto", "disabled")(value, path, lenient)


def _tracing(value: object, path: str, lenient: bool) -> object:
    if isinstance(value, dict):
        keys: dict[str, Check] = {"workflow_name": text, "group_id": text}
        return Fields(keys | {"metadata": schema.mapping})(value, path, lenient)
    return one_of("auto")(value, path, lenient)


FORMAT = schema.by_type(
    **{
        "audio/pcm": Fields({"type": text, "rate": _rate}, defaults=PCM),
        "audio/pcmu": Fields({"type": text}),
        "audio/pcma": Fields({"type": text}),
    }
)
TURN_DETECTION = schema.by_type(
    server_vad=Fields(
        {
            "type": text,
            "threshold": number(0, 1),
            "prefix_padding_ms": schema.integer(0, 10_000),
            "silence_duration_ms": schema.integer(0, 10_000),
            "idle_timeout_ms": nullable(schema.integer(5_000, 30_000)),
            "create_response": flag,
            "interrupt_response": flag,
        },
        defaults=SERVER_VAD,
    ),
    semantic_vad=Fields(
        {
            "type": text,
            "eagerness": one_of("low", "medium", "high", "auto"),
            "create_response": flag,
            "interrupt_response": flag,
        },
        defaults=SEMANTIC_VAD,
    ),
)
TRANSCRIPTION = Fields(
    {
        "model": text,
        "language": nullable(text),
        "languages": nullable(list_of(text)),
        "prompt": nullable(text),
        "keywords": nullable(list_of(text)),
        "delay": nullable(one_of(*EFFORTS)),
    }
)
NOISE = Fields({"type": one_of("near_field", "far_field"), "strength": number(0, 1)}, ("type",))
FUNCTION = schema.by_type(
    function=Fields(
        {"type": text, "name": text, "description": nullable(text), "parameters": schema.mapping},
        required=("name",),
        defaults={"description": "", "parameters": {"type": "object", "properties": {}}},
    )
)
INPUT: dict[str, Check] = {
    "format": FORMAT,
    "transcription": nullable(TRANSCRIPTION),
    "noise_reduction": nullable(NOISE),
    "turn_detection": nullable(TURN_DETECTION),
}
OUTPUT: dict[str, Check] = {"format": FORMAT, "voice": _voice, "speed": number(0.25, 1.5)}
FIELDS: dict[str, Check] = {
    "model": text,
    "output_modalities": _modalities,
    "instructions": text,
    "tools": list_of(FUNCTION),
    "tool_choice": _tool_choice,
    "parallel_tool_calls": nullable(flag),
    "reasoning": nullable(Fields({"effort": one_of(*EFFORTS)})),
    "max_output_tokens": _tokens,
    "truncation": _truncation,
    "tracing": nullable(_tracing),
    "include": nullable(list_of(text)),
    "prompt": nullable(schema.mapping),
}
REQUEST = Fields(
    {
        "instructions": text,
        "output_modalities": _modalities,
        "audio": Fields({"output": Fields({"format": FORMAT, "voice": _voice})}),
        "tools": list_of(FUNCTION),
        "tool_choice": _tool_choice,
        "parallel_tool_calls": nullable(flag),
        "reasoning": nullable(Fields({"effort": one_of(*EFFORTS)})),
        "max_output_tokens": _tokens,
        "conversation": one_of("auto", "none"),
        "input": list_of(schema.mapping),
        "metadata": nullable(schema.metadata),
        "prompt": nullable(schema.mapping),
    }
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What of the conversation decides whether a change is allowed."""

    audio_present: bool = False  # the assistant has spoken: its voice is fixed
    model_named: bool = True  # the address named the model


def new_session(
    kind: Kind, session_id: str, model: str, expires_at: int, voice: str = "marin"
) -> Json:
    """A session with every default filled in."""
    hearing: Json = {
        "format": dict(PCM),
        "transcription": None,
        "noise_reduction": None,
        "turn_detection": dict(SERVER_VAD),
    }
    head: Json = {"type": kind, "object": f"realtime.{'' if kind == 'realtime' else kind + '_'}"}
    head["object"] += "session"
    head |= {"id": session_id}
    if kind == "transcription":
        return head | {"expires_at": expires_at, "audio": {"input": hearing}, "include": None}
    return head | {
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": expires_at,
        "audio": {
            "input": hearing,
            "output": {"format": dict(PCM), "voice": voice, "speed": 1.0},
        },
        "include": None,
    }


def update(session: Json, change: object, facts: Facts, *, lenient: bool = False) -> Json:
    """The session after a session.update; the old one is left alone. Raises Refused."""
    if not isinstance(change, dict):
        raise missing("session") if change is None else wrong_type(change, "an object", "session")
    if "type" not in change and not lenient:
        raise missing("session.type")
    kind = change.get("type", session["type"])
    if kind not in ("realtime", "transcription"):
        raise unknown_value(kind, ["realtime", "transcription"], "session.type")
    if kind != session["type"]:
        message = (
            f"Passing a {kind} session update event to a {session['type']} session is not allowed."
        )
        raise Refused("invalid_parameter", message, "session.type")
    out = copy.deepcopy(session)
    for key, value in change.items():
        if key == "type" or key in READ_ONLY:
            continue
        if key == "audio":
            _update_audio(out, value, lenient)
        elif key in FIELDS and (kind == "realtime" or key == "include"):
            out[key] = FIELDS[key](value, f"session.{key}", lenient)
        elif not lenient:
            raise unknown_key(f"session.{key}")
    _check_fixed(session, out, facts, lenient)
    return out


def request(value: object, *, lenient: bool = False) -> Json:
    """The checked `response` of a response.create; empty where there is none."""
    return {} if value is None else REQUEST(value, "response", lenient)


def _update_audio(out: Json, value: object, lenient: bool) -> None:
    if not isinstance(value, dict):
        raise wrong_type(value, "an object", "session.audio")
    sides = {"input": INPUT} | ({"output": OUTPUT} if "output" in out["audio"] else {})
    for side, inner in value.items():
        path = f"session.audio.{side}"
        if side not in sides:
            if lenient:
                continue
            raise unknown_key(path)
        changes = Fields(sides[side])(_filled(out["audio"][side], inner), path, lenient)
        out["audio"][side] |= changes


def _filled(current: Json, change: object) -> object:
    """A partial turn detection keeps what it does not name of the same kind."""
    if not isinstance(change, dict):
        return change
    old, new = current.get("turn_detection"), change.get("turn_detection")
    if (
        isinstance(old, dict)
        and isinstance(new, dict)
        and new.get("type", "")
        in (
            "",
            old["type"],
        )
    ):
        return change | {"turn_detection": old | new}
    return change


def _check_fixed(old: Json, new: Json, facts: Facts, lenient: bool) -> None:
    if old["type"] != "realtime":
        return
    if old["audio"]["output"]["voice"] != new["audio"]["output"]["voice"] and facts.audio_present:
        raise cannot_update_voice("session.audio.output.voice")
    if old["model"] != new["model"] and facts.model_named:
        if not lenient:
            message = (
                f"The model of a session cannot change: it is '{old['model']}'. "
                "Open another session for another model."
            )
            raise Refused("invalid_parameter", message, "session.model")
        new["model"] = old["model"]
    if old["tracing"] is not None and old["tracing"] != new["tracing"]:
        message = "Cannot update a session's tracing configuration once it is set."
        raise Refused("invalid_parameter", message, "session.tracing")


def cannot_update_voice(param: str) -> Refused:
    """The refusal of another voice after the assistant has spoken."""
    message = "Cannot update a conversation's voice if assistant audio is present."
    return Refused("cannot_update_voice", message, param)


def settings(session: Json, wanted: Json) -> dict[str, Any]:
    """What holds for one response: the session's settings under those of its request."""
    asked = wanted.get("audio", {}).get("output", {})
    spoken = session["audio"]["output"]
    return {
        "instructions": wanted.get("instructions", ""),
        "output_modalities": wanted.get("output_modalities", session["output_modalities"]),
        "format": asked.get("format", spoken["format"]),
        "voice": asked.get("voice", spoken["voice"]),
        "speed": spoken["speed"],
        "tools": wanted.get("tools", session["tools"]),
        "tool_choice": wanted.get("tool_choice", session["tool_choice"]),
        "parallel": wanted.get("parallel_tool_calls", session.get("parallel_tool_calls")),
        "max_output_tokens": wanted.get("max_output_tokens", session["max_output_tokens"]),
        "metadata": wanted.get("metadata"),
    }
