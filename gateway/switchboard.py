"""Switchboard: the live calls: who is let in, who is there, and how all of them end well."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.call.events import CallerOrdered, HangUpOrdered, SoundOrdered
from gateway.call.plan import Plan
from gateway.errors import TrunklineError
from gateway.flag import Flag
from gateway.session import Session

GOING = "the gateway is shutting down"
GOODBYE_ITEM = "goodbye"
AGAIN = 10  # seconds
RETRY_AFTER = {"Retry-After": str(AGAIN)}

log = logging.getLogger(__name__)


class BusyError(TrunklineError):
    """No call is let in at this moment. How it is said over HTTP, and in the Realtime protocol."""

    status, code, kind, again = 503, "busy", "server_error", AGAIN

    @property
    def headers(self) -> dict[str, str]:
        """With every refusal over HTTP."""
        return {"Retry-After": str(self.again)}


class Seats(Protocol):
    """The calls of the other processes of this gateway."""

    mark: str

    @property
    def others(self) -> int:
        """How many they have."""
        ...

    def take(self, calls: int) -> None:
        """We have so many."""
        ...


class Alone:
    """There are no others."""

    mark, others = "", 0

    def take(self, calls: int) -> None:
        """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Calls since the start."""

    live: int
    admitted: int
    refused: int
    most: int  # at the same time


class Switchboard:
    """Counts calls in and out. One per process, made by the composition root.

    `strained` says why this machine can carry no more, and nothing where it can.
    """

    def __init__(
        self,
        max_calls: int,
        strained: Callable[[], str] = str,
        seats: Seats | None = None,
    ) -> None:
        self.max_calls = max_calls
        self._strained = strained
        self._seats = seats or Alone()
        self._live: dict[str, Session] = {}
        self._endings: dict[str, Flag] = {}
        self._admitted = 0
        self.refused = 0
        self.on_refused: Callable[[BusyError], None] = lambda busy: None
        self._most = 0
        self._draining = False
        self._empty = asyncio.Event()
        self._empty.set()

    def new_call_id(self) -> str:
        """A name for the next call; refuses where there is no room. Raises BusyError."""
        if why := self.why_busy:
            raise self.turned_away(BusyError(why))
        return f"call_{self.mark}{secrets.token_hex(8)}"

    @property
    def mark(self) -> str:
        """What begins the names of this process's calls, where there are several processes."""
        return self._seats.mark

    @property
    def occupied(self) -> int:
        """The live calls of all processes."""
        return len(self._live) + self._seats.others

    def turned_away(self, busy: BusyError) -> BusyError:
        """Count a call that is refused; the same, to be raised or told."""
        self.refused += 1
        self.on_refused(busy)
        return busy

    @property
    def why_busy(self) -> str:
        """Why no call would be let in at this moment; empty where one would."""
        if self._draining:
            return "Trunkline is shutting down and takes no more calls; call again later."
        if self.occupied >= self.max_calls:
            return (
                f"All {self.max_calls} lines are busy; call again later, "
                "or raise server.max_calls if this machine can carry more."
            )
        return self._strained()

    async def connect(self, session: Session) -> str:
        """Carry a call to its end; returns why it ended."""
        call_id = session.plan.call_id
        self._live[call_id] = session
        ended = self._endings[call_id] = Flag()
        self._admitted += 1
        self._seats.take(len(self._live))
        self._most = max(self._most, len(self._live))
        self._empty.clear()
        log.info("call began")
        try:
            reason = await session.run()
            log.info("call ended", extra={"live": len(self._live) - 1})
            return reason
        finally:
            del self._live[call_id], self._endings[call_id]
            ended.set()
            self._seats.take(len(self._live))
            if not self._live:
                self._empty.set()

    @property
    def sessions(self) -> list[Session]:
        """All live calls, the oldest first."""
        return list(self._live.values())

    def find(self, call_id: str) -> Session | None:
        """The live call of that name."""
        return self._live.get(call_id)

    async def wait_ended(self, sessions: list[Session]) -> None:
        """Until none of these calls is live."""
        for session in sessions:
            if (ended := self._endings.get(session.plan.call_id)) is not None:
                await ended.wait()

    async def finish(self, seconds: float) -> bool:
        """Take no more calls, and wait for those that are live; whether all have ended by then."""
        self._draining = True
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True

    async def drain(self, seconds: float, goodbye: Callable[[Plan], bytes] | None = None) -> None:
        """Take no more calls; let those that are live say their last words, then end them.

        With a `goodbye` their callers are told so in its words, whoever speaks at that moment.
        """
        self._draining = True
        for session in self.sessions:
            if goodbye is not None:
                session.feed(CallerOrdered("flush"))
                session.feed(SoundOrdered(GOODBYE_ITEM, goodbye(session.plan)))
            session.feed(HangUpOrdered(GOING))
        if await self.finish(seconds):
            return
        for session in self.sessions:
            session.feed(HangUpOrdered(GOING, when_quiet=False))
        await self._empty.wait()

    @property
    def ready(self) -> bool:
        """Whether another call would be let in."""
        return not self.why_busy

    def statistics(self) -> Statistics:
        """Figures since the start."""
        return Statistics(len(self._live), self._admitted, self.refused, self._most)
