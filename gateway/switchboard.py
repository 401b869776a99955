"""Switchboard: the live calls: who is let in, who is there, and how all of them end well."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass

from gateway.call.events import HangUpOrdered
from gateway.errors import TrunklineError
from gateway.session import Session

log = logging.getLogger(__name__)


class BusyError(TrunklineError):
    """No call is let in at this moment."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Calls since the start."""

    live: int
    admitted: int
    refused: int
    most: int  # at the same time


class Switchboard:
    """Counts calls in and out. One per process, made by the composition root."""

    def __init__(self, max_calls: int) -> None:
        self._max_calls = max_calls
        self._live: dict[str, Session] = {}
        self._admitted = 0
        self._refused = 0
        self._most = 0
        self._draining = False
        self._empty = asyncio.Event()
        self._empty.set()

    def new_call_id(self) -> str:
        """A name for the next call; refuses where there is no room. Raises BusyError."""
        if why := self.why_busy:
            self._refused += 1
            raise BusyError(why)
        return f"call_{secrets.token_hex(8)}"

    @property
    def why_busy(self) -> str:
        """Why no call would be let in at this moment; empty where one would."""
        if self._draining:
            return "Trunkline is shutting down and takes no more calls; call again later."
        if len(self._live) >= self._max_calls:
            return (
                f"All {self._max_calls} lines are busy; call again later, "
                "or raise server.max_calls if this machine can carry more."
            )
        return ""

    async def connect(self, session: Session) -> str:
        """Carry a call to its end; returns why it ended."""
        call_id = session.plan.call_id
        self._live[call_id] = session
        self._admitted += 1
        self._most = max(self._most, len(self._live))
        self._empty.clear()
        log.info("call began")
        try:
            reason = await session.run()
            log.info("call ended", extra={"live": len(self._live) - 1})
            return reason
        finally:
            del self._live[call_id]
            if not self._live:
                self._empty.set()

    @property
    def sessions(self) -> list[Session]:
        """All live calls, the oldest first."""
        return list(self._live.values())

    def find(self, call_id: str) -> Session | None:
        """The live call of that name."""
        return self._live.get(call_id)

    async def drain(self, seconds: float) -> None:
        """Take no more calls; let those that are live say their last words, then end them."""
        self._draining = True
        for session in list(self._live.values()):
            session.feed(HangUpOrdered("the gateway is shutting down"))
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            for session in list(self._live.values()):
                session.feed(HangUpOrdered("the gateway is shutting down", when_quiet=False))
            await self._empty.wait()

    @property
    def ready(self) -> bool:
        """Whether another call would be let in."""
        return not self.why_busy

    def statistics(self) -> Statistics:
        """Figures since the start."""
        return Statistics(len(self._live), self._admitted, self._refused, self._most)
