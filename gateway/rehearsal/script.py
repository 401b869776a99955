"""The script of a sample caller: what it says, types and presses, and when.

A TOML file; samples/README.md describes it and samples/conversations/order.toml is one.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.errors import TrunklineError

THINK = 0.6  # seconds
TIMEOUT = 60.0
LONGEST = 3600.0  # no wait in a script is longer

KEYS = ("name", "tools", "instructions", "timeout", "turn")
ACTS = ("say", "text", "digits", "silence")
MOMENTS = ("think", "interrupt_after")
EXAMPLES = {
    "name": '"Where is my order?"',
    "tools": '["../orderdesk.py"]',
    "instructions": '"You answer for a small shop."',
    "timeout": "60.0",
    "say": '"audio/commands/hello.wav"',
    "text": '"What time is it?"',
    "digits": '"123#"',
    "silence": "3.0",
    "think": "0.6",
    "interrupt_after": "1.2",
}


class ScriptError(TrunklineError):
    """A script cannot be played; names the file and the key, and shows a valid value."""


@dataclass(frozen=True, slots=True)
class Say:
    """Play a file of recorded speech."""

    path: Path


@dataclass(frozen=True, slots=True)
class Type:
    """Send words as text."""

    text: str


@dataclass(frozen=True, slots=True)
class Press:
    """Press keys of the telephone: 0-9 * # A-D."""

    digits: str


@dataclass(frozen=True, slots=True)
class Keep:
    """Keep silent for so many seconds."""

    seconds: float


Act = Say | Type | Press | Keep


@dataclass(frozen=True, slots=True)
class Think:
    """Act so many seconds after the assistant's answer has ended."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Act so many seconds after the assistant began to speak, whether it has ended or not."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing that the caller does, and when."""

    act: Act
    when: Think | Interrupt


@dataclass(frozen=True, slots=True)
class Script:
    """A whole call from the caller's side."""

    name: str
    turns: tuple[Turn, ...]
    tools: tuple[str, ...] = ()  # paths of Python files, or names of modules
    instructions: str = ""
    timeout: float = TIMEOUT  # seconds after which the call is given up


def load(path: str | Path) -> Script:
    """Read a script; raises ScriptError. Paths in it count from its folder or the one above."""
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise ScriptError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScriptError(f"{path}: not TOML: {error}") from error
    script = _Table(path, "", table)
    script.only(KEYS)
    turns = table.get("turn")
    if not isinstance(turns, list) or not turns:
        example = f"[[turn]]\nsay = {EXAMPLES['say']}"
        raise ScriptError(f"{path}: turn: expected at least one table, for example\n{example}")
    return Script(
        name=script.text("name", path.stem),
        turns=tuple(_turn(path, number, turn) for number, turn in enumerate(turns, 1)),
        tools=script.tools(),
        instructions=script.text("instructions", "").strip(),
        timeout=script.seconds("timeout", TIMEOUT, least=1.0),
    )


def _turn(path: Path, number: int, value: object) -> Turn:
    if not isinstance(value, dict):
        raise ScriptError(f"{path}: turn {number}: expected a table, write [[turn]]")
    table = _Table(path, f"turn {number}: ", value)
    table.only((*ACTS, *MOMENTS))
    when = table.one_of(MOMENTS, at_least=0)
    act = table.one_of(ACTS, at_least=1)
    moment: Think | Interrupt
    if when == "interrupt_after":
        moment = Interrupt(table.seconds(when, 0.0))
    else:
        moment = Think(table.seconds("think", THINK))
    return Turn(table.act(act), moment)


class _Table:
    """A table of the file, read key by key."""

    def __init__(self, path: Path, place: str, values: dict[str, Any]) -> None:
        self._path = path
        self._place = place
        self._values = values

    def only(self, known: tuple[str, ...]) -> None:
        for key in self._values:
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
                raise ScriptError(f"{self._path}: {self._place}{key}: no such key; {hint}")

    def one_of(self, keys: tuple[str, ...], at_least: int) -> str:
        given = [key for key in keys if key in self._values]
        if len(given) > 1:
            both = " and ".join(given)
            raise ScriptError(f"{self._path}: {self._place}{both}: give one of them, not both")
        if len(given) < at_least:
            raise ScriptError(
                f"{self._path}: {self._place}nothing to do; give one of {', '.join(keys)}, "
                f"for example {keys[0]} = {EXAMPLES[keys[0]]}"
            )
        return given[0] if given else ""

    def act(self, key: str) -> Act:
        if key == "say":
            return Say(self._file(key, self.text(key)))
        if key == "text":
            return Type(self._filled(key))
        if key == "digits":
            if not re.fullmatch(r"[0-9*#A-D]+", digits := self.text(key)):
                raise self._wrong(key, "keys out of 0-9 * # A-D", digits)
            return Press(digits)
        return Keep(self.seconds(key, 0.0))

    def text(self, key: str, default: str = "") -> str:
        value = self._values.get(key, default)
        if not isinstance(value, str):
            raise self._wrong(key, "a string", value)
        return value

    def seconds(self, key: str, default: float, least: float = 0.0) -> float:
        value = self._values.get(key, default)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not least <= value <= LONGEST:
            raise self._wrong(key, f"seconds from {least:g} to {LONGEST:g}", value)
        return float(value)

    def tools(self) -> tuple[str, ...]:
        value = self._values.get("tools", [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong("tools", "a list of strings", value)
        return tuple(
            str(self._file("tools", item)) if item.endswith(".py") else item for item in value
        )

    def _filled(self, key: str) -> str:
        if not (text := self.text(key).strip()):
            raise self._wrong(key, "words", text)
        return text

    def _file(self, key: str, name: str) -> Path:
        home = self._path.resolve().parent
        with suppress(OSError, ValueError):  # what no file can be called is not there either
            for folder in (home, home.parent):
                if (found := (folder / name).resolve()).is_file():
                    return found
        raise self._wrong(key, f"a file in {home} or {home.parent}", name)

    def _wrong(self, key: str, expected: str, came: object) -> ScriptError:
        return ScriptError(
            f"{self._path}: {self._place}{key}: expected {expected}, came {came!r}; "
            f"write for example {key} = {EXAMPLES[key]}"
        )
