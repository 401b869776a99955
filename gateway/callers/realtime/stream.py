"""Stream: the events for one client on their way out, named in order."""

from __future__ import annotations

from typing import Any

from gateway.protocol.beta import from_ga_server
from gateway.protocol.wire import Json, Refused


class Stream:
    """Collects server events until they are taken; made for one connection.

    `tag` makes its names differ from those of any other connection.
    """

    def __init__(self, tag: str, *, beta: bool = False) -> None:
        self.beta = beta
        self._tag = tag
        self._named = 0
        self._waiting: list[Json] = []

    def name(self, kind: str) -> str:
        """A fresh name such as `item_…`."""
        self._named += 1
        return f"{kind}_{self._tag}{self._named:06x}"

    def emit(self, kind: str, **fields: Any) -> None:
        """Put an event behind those that wait."""
        event = {"type": kind, "event_id": self.name("event"), **fields}
        self._waiting += from_ga_server(event) if self.beta else [event]

    def refuse(self, refusal: Refused, event_id: str | None = None) -> None:
        """Say that something the client sent is not done."""
        self.emit("error", error=refusal.event(event_id)["error"])

    def take(self) -> list[Json]:
        """What waits, once."""
        waiting, self._waiting = self._waiting, []
        return waiting
