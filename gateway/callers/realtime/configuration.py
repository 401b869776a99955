"""Configuration: the session object of one client, and the plan that it makes of a call.

The operator's plan is the ground: model, tools, limits. The client's session is laid over it. Its
`server_vad` is the gateway's own detector where the operator has chosen that, which trims; its
`semantic_vad` is the model's, which alone can tell from words; null leaves turns to the client.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from audio.format import Format
from gateway.call.events import CallerJoined
from gateway.call.plan import IdlePolicy, Plan, ToolSpec, TurnPolicy
from gateway.callers.realtime.formats import PCM, format_of
from gateway.callers.realtime.output import Terms
from gateway.protocol import sessions
from gateway.protocol.sessions import Facts
from gateway.protocol.wire import Json, Refused

LEAD = 3_600_000_000  # microseconds: the client has a playback buffer of its own
BURST = 30_000_000  # microseconds of audio that may come at once
PROMPTS = 1_000_000  # a client that asked for prompts in silence is not hung up on for it

# What of a session the core has no word for, and the assistant may have.
EXTRAS: Json = {
    "output_modalities": ["audio"],
    "tool_choice": "auto",
    "max_output_tokens": "inf",
    "truncation": "auto",
    "parallel_tool_calls": None,
    "reasoning": None,
}  # and what each is where nobody says anything
VOICE = "marin"  # shown where none was chosen


@dataclass(frozen=True, slots=True)
class Offer:
    """What a client finds when it comes: the operator's plan, and the model's name."""

    plan: Plan
    model: str
    session: Json | None = None  # what a short-lived secret was bound to
    media: bool = True  # whether audio is in the messages; otherwise a leg carries it
    format: Format | None = None  # of the call, where the leg says so
    joined: CallerJoined | None = None  # what its first message tells the call, if it is the caller
    watches: bool = False  # another has set up the call, and what the client does not say stays


class Configuration:
    """The session of one client, as it stands."""

    def __init__(self, offer: Offer, session_id: str) -> None:
        self._offer = offer
        voice = offer.plan.voice or VOICE
        session = sessions.new_session("realtime", session_id, offer.model, 0, voice)
        del session["expires_at"]  # the gateway outlives the sessions that it holds with a model
        self.session = session | described(offer.plan)
        self.session["audio"] = _audio(session["audio"], offer.plan)
        if offer.session is not None:
            asked = {k: v for k, v in offer.session.items() if k != "model"}
            self.session = sessions.update(self.session, asked, Facts(), lenient=True)
        self._fixed = offer.format

    def update(self, change: object, *, spoke: bool) -> None:
        """Merge a session.update, or raise Refused and leave all as it was."""
        facts = Facts(audio_present=spoke, model_named=True)
        changed = sessions.update(self.session, change, facts)
        if changed["tracing"] != self.session["tracing"]:
            changed["tracing"] = self.session["tracing"]  # traces are the operator's: see the docs
        self.session = changed

    # ------------------------------------------------------------ parts of the session

    @property
    def heard(self) -> Json:
        """`audio.input`."""
        return dict(self.session["audio"]["input"])

    @property
    def spoken(self) -> Json:
        """`audio.output`."""
        return dict(self.session["audio"]["output"])

    @property
    def manual(self) -> bool:
        """Whether the client ends turns itself."""
        return self.heard["turn_detection"] is None

    def terms(self, options: Json) -> Terms:
        """What holds for a response with these options of its own."""
        made = sessions.settings(self.session, options)
        output = {"format": made["format"], "voice": made["voice"]}
        limit = made["max_output_tokens"]
        return Terms(tuple(made["output_modalities"]), limit, output, made["metadata"])

    # ------------------------------------------------------------ the plan

    @property
    def plan(self) -> Plan:
        """What the session makes of the call."""
        base, session = self._offer.plan, self.session
        call = self._format()
        kept = replace(base.playback, lead=LEAD, cut_by="caller")
        return replace(
            base,
            rate=call.rate,
            encoding=call.encoding,
            instructions=session["instructions"],
            voice=self._voice(),
            language=(self.heard["transcription"] or {}).get("language") or base.language,
            greeting=base.greeting if self._offer.watches else "",  # the client asks for it
            caller_tools=tuple(map(_spec, session["tools"])),
            turns=self._turns(),
            idle=self._idle(),
            playback=kept if self._offer.media else base.playback,  # else the leg knows better
            burst=max(base.burst, BURST),  # a client may send what it has recorded
            relays=True,
            extras=self._extras(),
        )

    def _voice(self) -> str:
        """The voice, where somebody has chosen one: a model's server has a default of its own."""
        voice = self.spoken["voice"]
        named = str(voice["id"] if isinstance(voice, dict) else voice)
        return named if named != VOICE else self._offer.plan.voice

    def _format(self) -> Format:
        """The call's format: G.711 from end to end where both sides of the client are."""
        heard, spoken = format_of(self.heard["format"]), format_of(self.spoken["format"])
        return self._fixed or (heard if heard == spoken else PCM)

    def fix_format(self) -> None:
        """The call starts: its format stays; the client's may still change."""
        self._fixed = self._format()

    def _turns(self) -> TurnPolicy:
        base, asked = self._offer.plan.turns, self.heard["turn_detection"]
        if asked is None:
            return replace(base, detector="manual", create_response=False)
        answers = {
            "create_response": asked["create_response"],
            "interrupt_response": asked["interrupt_response"],
        }
        if asked["type"] == "semantic_vad":
            return replace(base, detector="semantic", eagerness=asked["eagerness"], **answers)
        return replace(
            base,
            detector="server" if base.by_model else "gateway",
            pre_roll=asked["prefix_padding_ms"] * 1000,
            hang_over=max(asked["silence_duration_ms"] * 1000, base.minimum_speech),
            silence=asked["silence_duration_ms"] * 1000,
            threshold=asked["threshold"],
            **answers,
        )

    def _idle(self) -> IdlePolicy:
        asked = (self.heard["turn_detection"] or {}).get("idle_timeout_ms")
        base = self._offer.plan.idle
        if self._offer.watches and asked is None:
            return base
        return replace(base, after=(asked or 0) * 1000, limit=PROMPTS)

    def _extras(self) -> dict[str, Any]:
        session = self.session
        usual = {key: session.get(key) for key in EXTRAS}
        extras = {k: v for k, v in usual.items() if v is not None and v != EXTRAS[k]}
        audio: Json = {}
        if (noise := self.heard["noise_reduction"]) is not None:
            audio["input"] = {"noise_reduction": noise}
        if self.spoken["speed"] != 1.0:
            audio["output"] = {"speed": self.spoken["speed"]}
        return extras | ({"audio": audio} if audio else {})


def described(plan: Plan) -> Json:
    """What a plan says of a session, but for its audio."""
    tools = [
        {"type": "function", "name": one.name, "description": one.description}
        | {"parameters": one.parameters}
        for one in plan.caller_tools
    ]
    kept = {key: value for key, value in plan.extras.items() if key != "audio"}
    return {"instructions": plan.instructions, "tools": tools, **kept}


def _audio(audio: Json, plan: Plan) -> Json:
    """`audio` of a session, with the plan's turns, and what was passed on before."""
    extras = plan.extras.get("audio", {})
    heard = audio["input"] | {"turn_detection": _detection(plan.turns)} | extras.get("input", {})
    return {"input": heard, "output": audio["output"] | extras.get("output", {})}


def _detection(turns: TurnPolicy) -> Json | None:
    """A policy as the protocol writes it."""
    if turns.detector == "manual":
        return None
    answers = {
        "create_response": turns.create_response,
        "interrupt_response": turns.interrupt_response and turns.interruptible,
    }
    if turns.detector == "semantic":
        return sessions.SEMANTIC_VAD | {"eagerness": turns.eagerness} | answers
    silence = turns.silence if turns.by_model else turns.hang_over
    return (
        sessions.SERVER_VAD
        | answers
        | {
            "threshold": turns.threshold,
            "prefix_padding_ms": turns.pre_roll // 1000,
            "silence_duration_ms": silence // 1000,
        }
    )


def _spec(tool: Json) -> ToolSpec:
    return ToolSpec(tool["name"], tool.get("description") or "", tool["parameters"])


def refuse_speech(terms: Terms) -> None:
    """An answer outside the conversation is text: its sound would not be the call's."""
    if terms.spoken:
        message = (
            "An answer outside the conversation can only be text here: send "
            '"output_modalities": ["text"] with "conversation": "none".'
        )
        raise Refused("invalid_value", message, "response.output_modalities")
