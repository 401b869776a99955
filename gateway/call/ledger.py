"""An entry of the ledger of tool calls: what was asked for, what became of it, what was told."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from gateway.call.effects import ShowTool, ToolStatus
from gateway.call.events import ToolCall

ARGUMENTS = 64 * 1024  # characters of one call's arguments


@dataclass(slots=True)
class Entry:
    """One function call, from when it was asked for to its one output."""

    call: ToolCall
    turn: int  # of the caller, in which it was asked for
    epoch: int  # session with the model, in which it was asked for
    known: int  # the last session that knows of it
    state: Literal["waits", "runs", "joined", "answered"] = "waits"
    output: str = ""
    joins: str = ""  # the call whose result is also this one's
    consent: str = ""  # the caller's words
    ran: bool = False

    @property
    def key(self) -> str:
        """What is to be done: the same for two calls that ask for the same."""
        return f"{self.call.name} {_canonical(self.call.arguments)}"

    def show(self, status: ToolStatus, output: str = "") -> ShowTool:
        """How it stands, for the caller's leg."""
        call = self.call
        return ShowTool(call.call_id, call.name, call.arguments[:ARGUMENTS], status, output)


def parsed(text: str) -> Any:
    """What arguments say; None where they are no JSON."""
    try:
        return json.loads(text or "{}")
    except (ValueError, RecursionError):
        return None


def _canonical(text: str) -> str:
    value = parsed(text)
    return text if value is None else json.dumps(value, sort_keys=True)
