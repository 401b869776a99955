"""Beta and GA, the two shapes of the Realtime protocol, translated by pure functions.

The Beta shape lives on in Azure's preview address, in several compatible servers and in old
clients. Each function takes one event and returns the events that mean the same in the other
shape: none where it has no word for it, two where it needs two. Nothing is validated here: a value
of the wrong kind passes through for the receiver to refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Json = dict[str, Any]

BETA_FORMATS: Mapping[str, Json] = {
    "pcm16": {"type": "audio/pcm", "rate": 24_000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
GA_FORMATS = {value["type"]: name for name, value in BETA_FORMATS.items()}

# Flat Beta key of a session -> its place in the GA session.
PLACES: Mapping[str, tuple[str, ...]] = {
    "input_audio_format": ("audio", "input", "format"),
    "input_audio_transcription": ("audio", "input", "transcription"),
    "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
    "turn_detection": ("audio", "input", "turn_detection"),
    "output_audio_format": ("audio", "output", "format"),
    "voice": ("audio", "output", "voice"),
    "speed": ("audio", "output", "speed"),
    "modalities": ("output_modalities",),
    "max_response_output_tokens": ("max_output_tokens",),
}
BETA_ONLY = frozenset({"temperature", "client_secret"})
GA_ONLY = frozenset({"type", "audio", "output_modalities"})
# What a Beta server would refuse as an unknown parameter of session.update.
GA_EXTRAS = frozenset(
    {"type", "object", "id", "expires_at", "model", "truncation", "prompt", "include"}
    | {"reasoning", "parallel_tool_calls"}
)

GA_NAMES = {
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "transcription_session.updated": "session.updated",
}
BETA_NAMES = {ga: beta for beta, ga in GA_NAMES.items() if beta != "transcription_session.updated"}
GA_PARTS = {"text": "output_text", "audio": "output_audio"}
BETA_PARTS = {"output_text": "text", "output_audio": "audio"}


def is_beta_session(session: object) -> bool:
    """Whether the `session` of a session.update is in the Beta shape."""
    if not isinstance(session, dict) or GA_ONLY & session.keys():
        return False
    return bool((PLACES.keys() | BETA_ONLY) & session.keys())


def ga_only_key(session: object) -> str | None:
    """The first key of a session that a Beta server does not know, if there is one."""
    if not isinstance(session, dict):
        return None
    return next((key for key in session if key in GA_ONLY), None)


# ---------------------------------------------------------------- events


def to_ga_client(event: Json) -> list[Json]:
    """A Beta client's event, as a GA server wants it."""
    match event.get("type"):
        case "session.update":
            return [_within(event, "session", lambda s: {"type": "realtime"} | session_to_ga(s))]
        case "transcription_session.update":
            changed = event | {"type": "session.update"}
            return [_within(changed, "session", _transcription_to_ga)]
        case "conversation.item.create":
            return [_within(event, "item", item_to_ga)]
        case "response.create":
            return [_within(event, "response", _request_to_ga)]
        case _:
            return [event]


def from_ga_server(event: Json) -> list[Json]:
    """A GA server's event, as a Beta client knows it."""
    kind = event.get("type")
    match kind:
        case "session.created" | "session.updated":
            transcribes = _at(event, ("session", "type")) == "transcription"
            if transcribes and kind == "session.updated":
                event = event | {"type": "transcription_session.updated"}
            return [_within(event, "session", session_to_beta)]
        case "conversation.item.added":
            return [_within(event | {"type": "conversation.item.created"}, "item", item_to_beta)]
        case "conversation.item.done":
            return []
        case "response.created" | "response.done":
            return [_within(event, "response", _response_to_beta)]
        case str() if isinstance(event.get("item"), dict):
            return [_within(event, "item", item_to_beta)]
        case str():
            return [event | {"type": BETA_NAMES.get(kind, kind)}]
        case _:
            return [event]


def to_beta_client(event: Json) -> list[Json]:
    """A GA client's event, as a Beta server wants it."""
    match event.get("type"):
        case "session.update":
            if _at(event, ("session", "type")) == "transcription":
                event = event | {"type": "transcription_session.update"}
            return [_within(event, "session", _update_to_beta)]
        case "conversation.item.create":
            return [_within(event, "item", item_to_beta)]
        case "response.create":
            return [_within(event, "response", _request_to_beta)]
        case _:
            return [event]


def from_beta_server(event: Json) -> list[Json]:
    """A Beta server's event, as a GA client knows it.

    A Beta item is announced once, so an item that is finished by then is also done; one that a
    response is still making is done with its output item. The name in function_call_arguments.done
    is not in the Beta event and cannot be added here.
    """
    kind = event.get("type")
    match kind:
        case "session.created" | "session.updated":
            return [_within(event, "session", lambda s: {"type": "realtime"} | session_to_ga(s))]
        case "transcription_session.updated":
            return [_within(event | {"type": "session.updated"}, "session", _transcription_to_ga)]
        case "conversation.item.created":
            added = _within(event | {"type": "conversation.item.added"}, "item", item_to_ga)
            if _at(event, ("item", "status")) == "in_progress":
                return [added]
            return [added, _twin(added, "conversation.item.done")]
        case "response.output_item.done":
            done = _within(event, "item", item_to_ga)
            return [_twin({"item": done.get("item")} | _id(done), "conversation.item.done"), done]
        case "response.created" | "response.done":
            return [_within(event, "response", _response_to_ga)]
        case str() if isinstance(event.get("item"), dict):
            return [_within(event, "item", item_to_ga)]
        case str():
            return [event | {"type": GA_NAMES.get(kind, kind)}]
        case _:
            return [event]


# ---------------------------------------------------------------- sessions, requests, responses


def session_to_ga(session: Json) -> Json:
    """A Beta session (or a part of one) with every flat key in its GA place."""
    out = {k: v for k, v in session.items() if k not in PLACES and k not in BETA_ONLY}
    if isinstance(out.get("audio"), dict):
        out["audio"] = {k: dict(v) if isinstance(v, dict) else v for k, v in out["audio"].items()}
    for key, place in PLACES.items():
        if key in session:
            _put(out, place, _value_to_ga(key, session[key]))
    return out


def session_to_beta(session: Json) -> Json:
    """A GA session (or a part of one) with every nested value at its flat Beta key."""
    gone = {"type", "audio", "output_modalities", "max_output_tokens"}
    out = {k: v for k, v in session.items() if k not in gone}
    for key, place in PLACES.items():
        value = _at(session, place)
        if value is not _ABSENT:
            out[key] = _value_to_beta(key, value)
    return out


def _transcription_to_ga(session: Json) -> Json:
    kept = {k: v for k, v in session.items() if k != "modalities"}
    return {"type": "transcription"} | session_to_ga(kept)


def _update_to_beta(session: Json) -> Json:
    out = {k: v for k, v in session_to_beta(session).items() if k not in GA_EXTRAS}
    if isinstance(out.get("turn_detection"), dict):
        kept = {k: v for k, v in out["turn_detection"].items() if k != "idle_timeout_ms"}
        out["turn_detection"] = kept
    if isinstance(out.get("tools"), list):
        out["tools"] = _functions(out["tools"])
    return out


def _request_to_ga(request: Json) -> Json:
    out = session_to_ga(request)
    if isinstance(out.get("input"), list):
        out["input"] = [item_to_ga(i) if isinstance(i, dict) else i for i in out["input"]]
    return out


def _request_to_beta(request: Json) -> Json:
    limit = request.get("max_output_tokens", _ABSENT)
    out = {k: v for k, v in session_to_beta(request).items() if k not in GA_EXTRAS}
    if limit is not _ABSENT:
        # In a request the wire name is max_output_tokens in both shapes.
        out["max_output_tokens"] = out.pop("max_response_output_tokens")
    if isinstance(out.get("input"), list):
        out["input"] = [item_to_beta(i) if isinstance(i, dict) else i for i in out["input"]]
    if isinstance(out.get("tools"), list):
        out["tools"] = _functions(out["tools"])
    return out


def _response_to_ga(response: Json) -> Json:
    out = session_to_ga(response)
    if isinstance(out.get("output"), list):
        out["output"] = [item_to_ga(i) if isinstance(i, dict) else i for i in out["output"]]
    return out


def _response_to_beta(response: Json) -> Json:
    out = session_to_beta(response)
    if "max_response_output_tokens" in out:
        out["max_output_tokens"] = out.pop("max_response_output_tokens")
    if isinstance(out.get("output"), list):
        out["output"] = [item_to_beta(i) if isinstance(i, dict) else i for i in out["output"]]
    return out


def _value_to_ga(key: str, value: Any) -> Any:
    match key:
        case "input_audio_format" | "output_audio_format" if isinstance(value, str):
            return dict(BETA_FORMATS.get(value, {"type": value}))
        case "modalities" if isinstance(value, list):
            return ["audio"] if "audio" in value else list(value)
        case _:
            return value


def _value_to_beta(key: str, value: Any) -> Any:
    match key:
        case "input_audio_format" | "output_audio_format" if isinstance(value, dict):
            kind = value.get("type")
            return GA_FORMATS.get(kind, kind) if isinstance(kind, str) else kind
        case "modalities" if isinstance(value, list):
            return ["text", "audio"] if "audio" in value else list(value)
        case "voice" if isinstance(value, dict):
            return value.get("id")
        case _:
            return value


# ---------------------------------------------------------------- items


def item_to_ga(item: Json) -> Json:
    """A Beta item as GA names its content."""
    return _renamed(item, GA_PARTS) if item.get("role") == "assistant" else item


def item_to_beta(item: Json) -> Json:
    """A GA item as Beta names its content."""
    return _renamed(item, BETA_PARTS) if item.get("role") == "assistant" else item


def _renamed(item: Json, names: Mapping[str, str]) -> Json:
    content = item.get("content")
    if not isinstance(content, list):
        return item
    return item | {
        "content": [
            part | {"type": names.get(part["type"], part["type"])}
            if isinstance(part, dict) and isinstance(part.get("type"), str)
            else part
            for part in content
        ]
    }


def _functions(tools: list[Any]) -> list[Any]:
    return [t for t in tools if not (isinstance(t, dict) and t.get("type") == "mcp")]


# ---------------------------------------------------------------- small helpers

_ABSENT: Any = object()


def _at(value: Any, place: tuple[str, ...]) -> Any:
    for key in place:
        if not isinstance(value, dict) or key not in value:
            return _ABSENT
        value = value[key]
    return value


def _put(out: Json, place: tuple[str, ...], value: Any) -> None:
    for key in place[:-1]:
        inner = out.get(key)
        if not isinstance(inner, dict):
            inner = out[key] = {}
        out = inner
    out[place[-1]] = value


def _within(event: Json, key: str, change: Callable[[Json], Json]) -> Json:
    inner = event.get(key)
    return event | {key: change(inner)} if isinstance(inner, dict) else event


def _id(event: Json) -> Json:
    return {"event_id": event["event_id"]} if "event_id" in event else {}


def _twin(event: Json, kind: str) -> Json:
    """A second event made of one; its id must differ."""
    out = event | {"type": kind}
    if isinstance(out.get("event_id"), str):
        out["event_id"] += "_done"
    return out
