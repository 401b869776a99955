"""Stopping: ends calls on an operator's order, and those whose key or token was revoked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

from gateway.admission.access import Access
from gateway.background import beside
from gateway.call.events import HangUpOrdered
from gateway.call.plan import Plan
from gateway.errors import TrunklineError
from gateway.store.stop import EVERY, KEY_REVOKED, Stop
from gateway.switchboard import Switchboard

if TYPE_CHECKING:
    from gateway.identity.keys import Keyring

log = logging.getLogger(__name__)

LOOK = 0.5  # seconds between two looks


class Board(Protocol):
    """Where several gateways read of orders: a database, or a Redis. All raise TrunklineError."""

    async def order(self, stop: Stop) -> None: ...
    async def newest(self) -> Any: ...
    async def after(self, place: Any) -> tuple[list[Stop], Any]: ...
    async def revoked(self) -> list[Stop]: ...


class Stopper:
    """Ends the calls of one gateway; with boards, also what other gateways are told."""

    def __init__(
        self, calls: Switchboard, access: Access | None = None, boards: Sequence[Board] = ()
    ) -> None:
        self._calls = calls
        self._access = access
        self._boards = boards

    def here(self, stop: Stop) -> int:
        """End the calls of this gateway that are meant; says how many."""
        if stop.kind == "token" and self._access is not None:
            self._access.revoked.add(stop.target, stop.tenant)
        meant = [one for one in self._calls.sessions if _is_meant(stop, one.plan, one.caller)]
        for session in meant:
            session.feed(HangUpOrdered(stop.reason, when_quiet=False))
        return len(meant)

    async def everywhere(self, stop: Stop) -> int:
        """End them here, at once, and then on all gateways; says how many were here.

        Raises TrunklineError where nobody else could be told.
        """
        ended, failure = self.here(stop), None
        told = not self._boards
        for board in self._boards:
            try:
                await board.order(stop)
                told = True
            except TrunklineError as error:
                failure = error
        if failure is not None and not told:
            raise failure
        return ended

    async def run(self, board: Board) -> None:
        """Look for orders until cancelled."""
        place: Any = None
        while True:
            try:
                if place is None:
                    place = await board.newest()
                    for stop in await board.revoked():
                        self.here(stop)
                orders, place = await board.after(place)
                for stop in orders:
                    self.here(stop)
            except TrunklineError as error:
                log.debug("no look at the orders", extra={"error": str(error)})
            await asyncio.sleep(LOOK)

    async def run_keys(self) -> None:
        """Look for keys that are good no more until cancelled."""
        while True:
            with suppress(TrunklineError):
                await self._end_revoked()
            await asyncio.sleep(LOOK)

    async def _end_revoked(self) -> None:
        keyring = self._keyring
        shown = {session.plan.credential for session in self._calls.sessions}
        keys = {one for one in shown if one.startswith("tl_")}
        if keyring is None or not keys:
            return
        revoked = await keyring.revoked(keys)
        for session in self._calls.sessions:
            if session.plan.credential in revoked:
                session.feed(HangUpOrdered(KEY_REVOKED, when_quiet=False))

    @property
    def _keyring(self) -> Keyring | None:
        return None if self._access is None else self._access.keyring


@asynccontextmanager
async def open_stopper(
    calls: Switchboard, access: Access, boards: Sequence[Board]
) -> AsyncIterator[Stopper]:
    """A stopper that looks for orders, where there is a place for them."""
    stopper = Stopper(calls, access, boards)
    looks = [stopper.run(board) for board in boards]
    async with AsyncExitStack() as looking:
        for look in (*looks, stopper.run_keys()):
            await looking.enter_async_context(beside(look, "stopper"))
        yield stopper


def _is_meant(stop: Stop, plan: Plan, caller: str) -> bool:
    if stop.tenant not in (EVERY, plan.tenant):
        return False
    match stop.kind:
        case "call":
            return plan.call_id == stop.target
        case "caller":
            return caller == stop.target
        case "credential" | "token":
            return plan.credential == stop.target
        case "tenant":
            return plan.tenant == stop.target
        case "everything":
            return True
