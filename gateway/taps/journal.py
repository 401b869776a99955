"""Journal: every event of a call with its time and the orders that followed, one JSON line each.

Audio is written as its length and whether it was voiced, never as sound, and yet the core decides
by nothing else: a journal replays the whole call. It does hold the words that were recognised and
the arguments of tools, so it is kept where the operator wants it and nowhere else.

    {"journal": 1, "plan": {…}}
    {"t": 40000, "event": "CallerAudio", "pcm": 480, "voiced": true}
    {"t": 40000, "effect": "SendAudio", "pcm": 480}
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import msgspec

from audio.pcm import BYTES, silence
from gateway.call import events as on
from gateway.call.effects import Effect
from gateway.call.events import Event
from gateway.call.machine import Call
from gateway.call.plan import Plan
from gateway.errors import TrunklineError

VERSION = 1
EVENTS: dict[str, type[Event]] = {kind.__name__: kind for kind in typing.get_args(on.Event)}


class Journal:
    """The tap: writes a call down as it happens."""

    def __init__(self, path: Path, plan: Plan) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")
        self._encode = msgspec.json.Encoder().encode
        self._write({"journal": VERSION, "plan": _plain(plan)})

    def event(self, event: Event, now: int) -> None:
        """Write an event down."""
        self._write({"t": now, "event": type(event).__name__, **_plain(event)})

    def effect(self, effect: Effect, now: int) -> None:
        """Write an effect down."""
        self._write(_effect_line(effect, now))

    def close(self) -> None:
        """The call is over."""
        self._file.close()

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(self._encode(line) + b"\n")


def _effect_line(effect: Effect, now: int) -> dict[str, Any]:
    line = {"t": now, "effect": type(effect).__name__, **_plain(effect)}
    line.pop("plan", None)  # of Configure: it stands in the first line
    return line


def _plain(value: Any) -> dict[str, Any]:
    """A dataclass as a dict, its audio as a number of samples."""
    return {field.name: _plain_value(getattr(value, field.name)) for field in fields(value)}


def _plain_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return len(value) // BYTES
    if is_dataclass(value):
        return _plain(value)
    if isinstance(value, tuple):
        return [_plain_value(one) for one in value]
    return value


# ---------------------------------------------------------------- reading one


class JournalError(TrunklineError):
    """A journal that cannot be read."""


def replay(path: Path) -> Iterator[str]:
    """Run a journal's call again; yields a sentence for each difference in what it ordered.

    Raises JournalError where the file is not a journal.
    """
    lines = _lines(path)
    number, head = next(lines, (1, {}))
    if head.get("journal") != VERSION:
        raise JournalError(
            f"{path} is not a journal of version {VERSION}: its first line should be "
            f'{{"journal": {VERSION}, "plan": …}}. Give a file that [taps] journal has written.'
        )
    call = Call(_build(Plan, head["plan"], path, number))
    due: list[dict[str, Any]] = []
    for number, line in lines:
        if "event" in line:
            yield from (f"line {number}: no longer ordered: {_short(one)}" for one in due)
            event, now = _event(line, path, number), int(line["t"])
            due = [_effect_line(effect, now) for effect in call.handle(event, now)]
        elif due and due[0] == line:
            due.pop(0)
        else:
            ordered = _short(due.pop(0)) if due else "nothing"
            yield f"line {number}: it was {_short(line)}, now it is {ordered}"
    yield from (f"after the last line: {_short(one)}" for one in due)


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, start=1):
                line = json.loads(text)
                if not isinstance(line, dict):
                    raise ValueError("not an object")
                yield number, line
    except (OSError, ValueError) as error:
        raise JournalError(f"{path} cannot be read as a journal: {error}") from error


def _event(line: dict[str, Any], path: Path, number: int) -> Event:
    kind = EVENTS.get(str(line["event"]))
    if kind is None:
        raise JournalError(f"{path}, line {number}: no event is called {line['event']!r}")
    values = {key: value for key, value in line.items() if key not in ("t", "event")}
    return _build(kind, values, path, number)


T = typing.TypeVar("T")


def _build(kind: type[T], values: dict[str, Any], path: Path, number: int) -> T:
    try:
        return typing.cast(T, _rebuilt(values, kind))
    except (TypeError, KeyError, ValueError) as error:
        raise JournalError(f"{path}, line {number}: no {kind.__name__}: {error}") from error


def _rebuilt(value: Any, kind: Any) -> Any:
    """What was written, by its type: dataclasses, tuples of them, audio from its length."""
    if kind is bytes:
        return silence(int(value))
    if is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        assert isinstance(kind, type)
        return kind(**{key: _rebuilt(one, hints[key]) for key, one in value.items()})
    if typing.get_origin(kind) is tuple:
        return tuple(_rebuilt(one, typing.get_args(kind)[0]) for one in value)
    if isinstance(kind, types.UnionType) and value is None:
        return None
    return value


def _short(line: dict[str, Any]) -> str:
    rest = ", ".join(
        f"{key}={value!r}" for key, value in line.items() if key not in ("t", "effect")
    )
    return f"{line.get('effect', '?')}({rest}) at {line.get('t', 0) / 1000:.0f} ms"
