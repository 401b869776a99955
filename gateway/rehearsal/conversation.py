"""A conversation as the sample caller lived it: words, tool calls, times, and what was heard."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from audio import wav
from audio.pcm import BYTES, stereo

Who = Literal["caller", "assistant"]


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody said something; `cut` where the caller interrupted it."""

    who: Who
    text: str
    at: float  # seconds since the call began
    cut: bool = False


@dataclass(frozen=True, slots=True)
class ToolUse:
    """The assistant called a tool."""

    name: str
    arguments: dict[str, Any]
    status: str  # running, done, failed or cancelled
    output: str  # what the tool answered, as the model was told
    at: float  # seconds since the call began

    def json(self) -> Any:
        """The answer, where it is JSON; else its text."""
        try:
            return json.loads(self.output)
        except ValueError:
            return self.output


@dataclass(frozen=True, slots=True)
class Savings:
    """What trimming kept from being sent. Times in seconds."""

    spoken: float = 0.0  # what the caller's line carried
    sent: float = 0.0  # what of it went to the model
    bytes: int = 0
    tokens: int = 0
    usd: float = 0.0

    @property
    def seconds(self) -> float:
        return self.spoken - self.sent


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the gateway wanted the caller to read."""

    code: str
    message: str
    at: float


@dataclass(frozen=True, slots=True)
class Sound:
    """PCM16 mono."""

    pcm: bytes = field(repr=False)
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.pcm) / BYTES / self.rate

    def words(self) -> str:
        """What Trunkline's own ears recognise in it. Needs the embedded assistant's models."""
        from gateway.rehearsal.models import recognise

        return recognise(self.pcm, self.rate)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A call that is over."""

    call_id: str
    assistant: str  # who answered, such as "embedded"
    transcript: tuple[Line, ...]
    tool_calls: tuple[ToolUse, ...]
    latencies: tuple[float, ...]  # seconds from the end of speech to the first sound, per answer
    savings: Savings
    notices: tuple[Notice, ...]
    heard: Sound  # what the caller heard, on the call's time line
    said: Sound  # what the caller said, on the same line
    ended: str  # why it ended
    complete: bool  # whether the whole script was played and nothing broke

    @property
    def seconds(self) -> float:
        """How long the call was."""
        return max(self.heard.seconds, self.said.seconds)

    @property
    def median_latency(self) -> float:
        """Seconds; 0 where nothing was answered."""
        return statistics.median(self.latencies) if self.latencies else 0.0

    def __str__(self) -> str:
        """The transcript and the tool calls, in order."""
        said = [
            (line.at, f"{line.who}: {line.text}{' ...' * line.cut}") for line in self.transcript
        ]
        done = [(use.at, f"{use.name}({use.arguments}) {use.status}") for use in self.tool_calls]
        lines = (f"{at:6.1f} {what}" for at, what in sorted([*said, *done]))
        return "\n".join([*lines, f"ended: {self.ended}"])

    def texts(self, who: Who) -> list[str]:
        """What the caller or the assistant said, line by line."""
        return [line.text for line in self.transcript if line.who == who]

    def heard_words(self) -> str:
        """What Trunkline's own ears recognise in what the caller heard."""
        return self.heard.words()

    def save(self, path: str | Path, *, both: bool = False) -> None:
        """Write what was heard as a WAV file; `both`: the caller left, the answers right."""
        if both:
            pcm = stereo(self.said.pcm, self.heard.pcm)
            wav.write(path, pcm, self.heard.rate, channels=2)
        else:
            wav.write(path, self.heard.pcm, self.heard.rate)


class Ledger:
    """Collects a conversation from the gateway's messages; lines and tools as they stood last."""

    def __init__(self) -> None:
        self.call_id = ""
        self.assistant = ""
        self.latencies: list[float] = []
        self.savings = Savings()
        self.notices: list[Notice] = []
        self._lines: dict[str, Line] = {}
        self._tools: dict[str, ToolUse] = {}

    @property
    def transcript(self) -> tuple[Line, ...]:
        """In the order in which the lines began to be said."""
        return tuple(sorted(self._lines.values(), key=lambda line: line.at))

    @property
    def tool_calls(self) -> tuple[ToolUse, ...]:
        return tuple(self._tools.values())

    def words(self, message: Mapping[str, Any]) -> Line:
        """A line as it stands now; an empty one is taken off the page once it is final."""
        line = Line(message["role"], message["text"], message["at"] / 1000, message["cut"])
        if line.text:
            self._lines[message["item"]] = line
        else:
            self._lines.pop(message["item"], None)
        return line

    def tool(self, message: Mapping[str, Any], at: float) -> ToolUse:
        """A tool call as it stands now; its time is when it began."""
        try:
            arguments = json.loads(message["arguments"] or "{}")
        except ValueError:
            arguments = None
        if not isinstance(arguments, dict):  # the model wrote no object: shown as it came
            arguments = {"": message["arguments"]}
        before = self._tools.get(message["call"])
        use = ToolUse(message["name"], arguments, message["status"], message["output"], at)
        self._tools[message["call"]] = use if before is None else replace(use, at=before.at)
        return self._tools[message["call"]]

    def save(self, message: Mapping[str, Any]) -> Savings:
        """What trimming has saved so far."""
        self.savings = Savings(
            spoken=message["heard_ms"] / 1000,
            sent=message["sent_ms"] / 1000,
            bytes=message["bytes_saved"],
            tokens=message["tokens_saved"],
            usd=message["usd_saved"],
        )
        return self.savings
