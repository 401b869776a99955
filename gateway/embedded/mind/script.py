"""A mind for tests: expects what the caller says, step by step, and answers as written."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.embedded.parts import (
    Called,
    CallPiece,
    Heard,
    Returned,
    Said,
    Say,
    Situation,
    Thought,
)
from gateway.errors import AssistantError


@dataclass(frozen=True, slots=True)
class Step:
    """Expect this of the newest unanswered words or results, then answer.

    `expect` is a substring (case does not matter) or a compiled regular expression; None takes
    anything. `emit` holds sentences (str), calls as (name, arguments), or thoughts as they are.
    """

    expect: str | re.Pattern[str] | None = None
    emit: Sequence[str | tuple[str, dict[str, Any]] | Thought] = field(default=())


class ScriptMind:
    """Plays its steps in order, one for each answer; for one conversation at a time."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = tuple(steps)
        self._next = 0

    @property
    def left(self) -> int:
        """Steps not played yet."""
        return len(self._steps) - self._next

    async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
        got = newest(situation)
        if not self.left:
            raise AssistantError(
                f"the script has no step {self._next + 1}, but an answer to {got!r} is wanted"
            )
        step = self._steps[self._next]
        if not _fits(step.expect, got):
            wanted = step.expect.pattern if isinstance(step.expect, re.Pattern) else step.expect
            raise AssistantError(
                f"step {self._next + 1} of the script expected {wanted!r}, but got {got!r}"
            )
        self._next += 1
        for thought in _thoughts(step):
            yield thought

    async def close(self) -> None:
        """Nothing to close; `left` tells whether the script was played to its end."""


def newest(situation: Situation) -> str:
    """What an answer is wanted to: words and results since the assistant's last line."""
    parts: list[str] = []
    for line in reversed(situation.lines):
        if isinstance(line, Said | Called):
            break
        if isinstance(line, Heard):
            parts.append(line.text)
        elif isinstance(line, Returned):
            parts.append(line.output)
    return " ".join(reversed(parts)) or situation.request


def _fits(expect: str | re.Pattern[str] | None, got: str) -> bool:
    if expect is None:
        return True
    if isinstance(expect, re.Pattern):
        return expect.search(got) is not None
    return expect.lower() in got.lower()


def _thoughts(step: Step) -> list[Thought]:
    thoughts: list[Thought] = []
    index = 0
    for one in step.emit:
        if isinstance(one, str):
            thoughts.append(Say(one))
        elif isinstance(one, tuple):
            text = json.dumps(one[1])
            half = len(text) // 2
            thoughts += [
                CallPiece(index, one[0], text[:half]),
                CallPiece(index, one[0], text[half:]),
            ]
            index += 1
        else:
            thoughts.append(one)
    return thoughts
