"""Load reports: tells calls whose routes go by load how much of what it can the gateway carries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from gateway.background import beside
from gateway.call.events import LoadReported
from gateway.call.plan import RoutingPolicy
from gateway.session import Session
from gateway.switchboard import Switchboard

EACH = 1.0  # seconds


class LoadReports:
    """Says it to each call when it matters there: when a rule of its plan begins or ends to fit."""

    def __init__(self, board: Switchboard, strain: Callable[[], float]) -> None:
        self._board = board
        self._strain = strain  # how near the machine is to its limit: 1 is there
        self._said: dict[Session, int] = {}  # of those with rules, by when it was looked last

    @property
    def percent(self) -> int:
        """By calls or by the machine, whichever is nearer to its limit."""
        calls = self._board.occupied / self._board.max_calls
        return round(100 * min(max(calls, self._strain()), 1.0))

    def report(self) -> None:
        """Look once."""
        percent = self.percent
        said, self._said = self._said, {}
        for session in self._board.sessions:
            if not (routing := session.plan.routing).rules:
                continue
            self._said[session] = before = said.get(session, 0)
            if _met(routing, percent) != _met(routing, before):
                self._said[session] = percent
                session.feed(LoadReported(percent))

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(EACH)
            self.report()


def _met(routing: RoutingPolicy, percent: int) -> list[bool]:
    return [percent >= rule.load_percent for rule in routing.rules]


@asynccontextmanager
async def open_load_reports(board: Switchboard, strain: Callable[[], float]) -> AsyncIterator[None]:
    """They are made."""
    async with beside(LoadReports(board, strain).run(), "load reports"):
        yield
