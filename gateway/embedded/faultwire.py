"""Faults on the wire: what becomes of each event that a server sends in one session. Pure."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from gateway.embedded.faultplan import ANSWERS, CREATED, Fault, FaultPlan, Kind

ERRORS: dict[str, tuple[str, str]] = {
    "rate_limit": ("rate_limit_exceeded", "Rate limit reached. Please try again in 1.2s."),
    "server_error": ("server_error", "The server had an error while processing your request."),
    "quota": ("insufficient_quota", "You exceeded your current quota."),
}
DELTA = "response.output_audio.delta"
End = Literal["drop", "expire", "half_open", "mute"]


@dataclass(frozen=True, slots=True)
class Ending:
    """The session ends here."""

    how: End


Act = str | float | Ending  # a message, seconds to wait, or the end
ENDS: Final[tuple[End, ...]] = ("drop", "expire", "half_open", "mute")


@dataclass(slots=True)
class _Active:
    """A fault that has begun, and for how many more events or answers; -1: for good."""

    fault: Fault
    left: int


@dataclass(slots=True)
class FaultWire:
    """One session of a plan. `session` counts from 1."""

    plan: FaultPlan
    session: int
    _seen: Counter[int] = field(default_factory=Counter)  # events that counted, by fault
    _active: list[_Active] = field(default_factory=list)
    _failing: dict[str, Kind] = field(default_factory=dict)  # answers that are to fail
    _twice: set[str] = field(default_factory=set)  # answers that come twice
    _held: str = ""  # an event that comes after the next one
    _last_audio: str = ""
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(f"{self.plan.random.seed} {self.session}")

    def due(self, seconds: float) -> Iterator[tuple[float, End]]:
        """Ends of the session that come by the clock alone, with their times."""
        for fault in self._mine:
            timed = fault.after > seconds and not fault.event
            if timed and fault.kind in ENDS:
                yield fault.after, fault.kind

    @property
    def _mine(self) -> list[Fault]:
        return [f for f in self.plan.fault if f.session in (0, self.session)]

    def take(self, message: str, seconds: float) -> Iterator[Act]:
        """What to send in place of an event, after which pauses; an end is the last of it."""
        event = _parsed(message)
        kinds = list(self._begun(str(event.get("type", "")), seconds))
        for kind in ENDS:
            if kind in kinds:
                yield Ending(kind)
                return
        yield from self._delays(kinds)
        shaped = self._answers(event, message, kinds)
        for one in shaped:
            yield from self._disturbed(one, kinds)

    def _begun(self, kind: str, seconds: float) -> Iterator[Kind]:
        """The kinds of fault that this event meets."""
        for number, fault in enumerate(self._mine):
            if fault.kind == "refuse" or fault.at not in ("", kind) or seconds < fault.after:
                continue
            if fault.after and not fault.event and fault.kind in ENDS:
                continue  # the clock sees to that
            self._seen[number] += 1
            past = self._seen[number] - fault.count
            if past >= 0 and (not fault.times or past < fault.times or fault.kind == "delay"):
                yield fault.kind
        chance = self.plan.random
        if chance.share and self._chance.random() < chance.share:
            yield self._chance.choice(chance.kinds)

    def _delays(self, kinds: list[Kind]) -> Iterator[float]:
        if "delay" in kinds:
            yield max((f.ms for f in self._mine if f.kind == "delay"), default=500) / 1000

    def _answers(self, event: dict[str, Any], message: str, kinds: list[Kind]) -> list[str]:
        """An answer that fails has no more than a beginning and an end; another comes twice."""
        kind = event.get("type")
        response = event.get("response") if isinstance(event.get("response"), dict) else {}
        answer = event.get("response_id") or (response or {}).get("id", "")
        if kind == CREATED:
            for fault in kinds:
                if fault == "two_answers":
                    self._twice.add(answer)
                elif fault in ANSWERS:
                    self._failing[answer] = fault
        elif answer in self._failing:
            if kind != "response.done":
                return []
            code, words = ERRORS[self._failing.pop(answer)]
            error = {"type": "invalid_request_error", "code": code, "message": words}
            details = {"type": "failed", "error": error}
            failed: dict[str, Any] = {
                "status": "failed",
                "output": [],
                "usage": None,
                "status_details": details,
            }
            event["response"] = {**(response or {}), **failed}
            return [_text(event)]
        if answer in self._twice:
            return [message, _text(_renamed(event))]
        return [message]

    def _disturbed(self, message: str, kinds: list[Kind]) -> Iterator[str]:
        if "unknown" in kinds:
            yield '{"type":"session.mood","event_id":"event_new","mood":"fine"}'
        if "error" in kinds:
            error = {"type": "invalid_request_error", "code": "brand_new", "message": "Hm."}
            yield _text({"type": "error", "event_id": "event_error", "error": error})
        if "reorder" in kinds and not self._held:
            self._held = message
            return
        yield message[: len(message) // 2] if "corrupt" in kinds else message
        if "duplicate" in kinds:
            yield message
        if self._held:
            held, self._held = self._held, ""
            yield held
        yield from self._late(message, kinds)

    def _late(self, message: str, kinds: list[Kind]) -> Iterator[str]:
        if f'"{DELTA}"' in message:
            self._last_audio = message
        if "late" in kinds and '"response.done"' in message and self._last_audio:
            yield self._last_audio


def _renamed(event: dict[str, Any]) -> dict[str, Any]:
    """The same of another answer, which has items of its own."""
    out = dict(event)
    for key in ("response_id", "item_id", "event_id"):
        if key in out:
            out[key] = f"{out[key]}_again"
    for key in ("response", "item"):
        if isinstance(out.get(key), dict):
            out[key] = {**out[key], "id": f"{out[key].get('id', '')}_again"}
    return out


def _parsed(message: str) -> dict[str, Any]:
    try:
        event = msgspec.json.decode(message)
    except msgspec.DecodeError:
        return {}
    return event if isinstance(event, dict) else {}


def _text(event: dict[str, Any]) -> str:
    return msgspec.json.encode(event).decode()
