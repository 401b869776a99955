"""Transcripts: who said what and when, as a text file and as JSON lines, written when it ends."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from gateway.call.effects import Effect, End, ShowTool, ShowWords
from gateway.call.events import Event
from gateway.call.plan import Plan


class Transcripts:
    """The tap: keeps each line as it stood last, in the order in which they began."""

    def __init__(self, path: Path, plan: Plan) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._plan = plan
        self._lines: dict[str, tuple[int, ShowWords | ShowTool]] = {}
        self._reason = ""

    def event(self, event: Event, now: int) -> None:
        """Events carry no lines of their own."""

    def effect(self, effect: Effect, now: int) -> None:
        """Keep a line, a tool call, or the reason of the end."""
        if isinstance(effect, ShowWords):
            self._lines[effect.item_id] = (effect.at, effect)
        elif isinstance(effect, ShowTool):
            began, _ = self._lines.get(effect.call_id, (now, effect))
            self._lines[effect.call_id] = (began, effect)
        elif isinstance(effect, End):
            self._reason = effect.reason

    def close(self) -> None:
        """Write the file: a line of JSON for each line of the conversation."""
        said = sorted(self._lines.values(), key=lambda line: line[0])
        with self._path.open("w", encoding="utf-8") as file:
            _write(file, {"call": self._plan.call_id, "ended": self._reason})
            for at, line in said:
                if isinstance(line, ShowTool):
                    _write(file, {"at_ms": at // 1000, "tool": line.name, **_tool(line)})
                elif line.text:
                    _write(file, {"at_ms": at // 1000, line.role: line.text, "cut": line.cut})


def _tool(line: ShowTool) -> dict[str, str]:
    return {k: v for k, v in asdict(line).items() if k not in ("call_id", "name")}


def _write(file: object, line: dict[str, object]) -> None:
    print(json.dumps(line, ensure_ascii=False), file=file)  # type: ignore[call-overload]
