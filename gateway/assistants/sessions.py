"""Sessions: the plan of a call as the `session` object of the Realtime protocol."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from audio.format import Format
from gateway.assistants.capabilities import Capabilities, spelled
from gateway.assistants.fields import Json
from gateway.call.effects import Respond
from gateway.call.plan import Plan, ToolSpec


def session_of(plan: Plan, able: Capabilities, sent: Format, received: Format) -> Json:
    """What session.update tells a server about a call."""
    heard: Json = {"format": spelled(sent)}
    spoken: Json = {"format": spelled(received)}
    session: Json = {"type": "realtime", "output_modalities": ["audio"]}
    if plan.instructions:
        session["instructions"] = plan.instructions
    place = session if able.flat_voice else heard
    place["turn_detection"] = turn_detection(plan, able)
    if able.transcription:
        heard["transcription"] = transcription(plan)
    if plan.voice:
        (session if able.flat_voice else spoken)["voice"] = plan.voice
    session["audio"] = {"input": heard, "output": spoken}
    session["tools"] = [tool(spec) for spec in offered(plan.tools, plan.caller_tools)]
    session["tool_choice"] = "auto"
    return merged(session, plan.extras)


def offered(ours: Iterable[ToolSpec], theirs: Sequence[ToolSpec]) -> list[ToolSpec]:
    """The gateway's functions and the caller's, which stand where both have one of that name."""
    names = {spec.name for spec in theirs}
    return [*(spec for spec in ours if spec.name not in names), *theirs]


def merged(session: Json, extras: Json) -> Json:
    """The session with what else was asked for, field by field."""
    out = dict(session)
    for key, value in extras.items():
        inner = out.get(key)
        both = isinstance(inner, dict) and isinstance(value, dict)
        out[key] = merged(inner, value) if both else value  # type: ignore[arg-type]
    return out


def offer(tools: Iterable[ToolSpec]) -> Json:
    """The part of a session that says which functions may be called."""
    return {"type": "realtime", "tools": [tool(spec) for spec in tools]}


def request_of(effect: Respond, ours: Iterable[ToolSpec] = (), instructions: str = "") -> Json:
    """What response.create says beyond its type: what holds for this answer alone.

    Where the caller names functions for it, the gateway's stay beside them. Its instructions take
    the place of the session's, so the gateway's own words come behind those: who speaks, and in
    which language, stays.
    """
    response: Json = dict(effect.options)
    if effect.instructions:
        before = response.get("instructions", instructions)
        response["instructions"] = f"{before}\n\n{effect.instructions}".strip()
    if "tools" in response:
        names = {named.get("name") for named in response["tools"]}
        kept = [tool(spec) for spec in ours if spec.name not in names]
        response["tools"] = [*kept, *response["tools"]]
    if not effect.may_call:
        response["tool_choice"] = "none"
    return {"response": response} if response else {}


def turn_detection(plan: Plan, able: Capabilities) -> Json | None:
    """Who ends a turn on the server's side; nobody where the gateway does."""
    turns = plan.turns
    if not turns.by_model:
        return None
    stops = turns.interruptible and turns.interrupt_response
    answers: Json = {"create_response": turns.create_response, "interrupt_response": stops}
    if turns.detector == "semantic" and "semantic" in able.detectors:
        return {"type": "semantic_vad", "eagerness": turns.eagerness, **answers}
    # A server without semantic detection still ends the turns, which is what the call counts on.
    return {
        "type": "server_vad",
        "threshold": turns.threshold,
        "prefix_padding_ms": turns.pre_roll // 1000,
        "silence_duration_ms": turns.silence // 1000,
        **answers,
    }


def transcription(plan: Plan) -> Json | None:
    """The model that writes down the caller's words; it takes a language without its region."""
    if not plan.transcription:
        return None
    language = plan.language.replace("_", "-").partition("-")[0].lower()
    return {"model": plan.transcription} | ({"language": language} if language else {})


def tool(spec: ToolSpec) -> Json:
    """A function that the model may call."""
    return {
        "type": "function",
        "name": spec.name,
        "description": spec.description,
        "parameters": spec.parameters,
    }
