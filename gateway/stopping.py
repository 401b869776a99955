"""Stopping: ends calls on an operator's order, and those whose key was revoked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from gateway.call.events import HangUpOrdered
from gateway.call.plan import Plan
from gateway.errors import TrunklineError
from gateway.switchboard import Switchboard

if TYPE_CHECKING:
    from gateway.identity.keys import Keyring
    from gateway.store.stops import Stop, Stops
    from gateway.store.store import Store

log = logging.getLogger(__name__)

LOOK = 0.5  # seconds between two looks at the database
REVOKED = "the key was revoked"
EVERY = "*"


class Stopper:
    """Ends the calls of one switchboard; with a database, also what other gateways are told."""

    def __init__(
        self, board: Switchboard, stops: Stops | None = None, keyring: Keyring | None = None
    ) -> None:
        self._board = board
        self._stops = stops
        self._keyring = keyring
        self._seen = 0

    def here(self, stop: Stop) -> int:
        """End the calls of this gateway that are meant; says how many."""
        meant = [one for one in self._board.sessions if _is_meant(stop, one.plan)]
        for session in meant:
            session.feed(HangUpOrdered(stop.reason, when_quiet=False))
        return len(meant)

    async def everywhere(self, stop: Stop) -> int:
        """End them here, at once, and then on all gateways; says how many were here."""
        ended = self.here(stop)
        if self._stops is not None:
            await self._stops.order(stop)
        return ended

    async def run(self) -> None:
        """Look for orders and revoked keys until cancelled."""
        assert self._stops is not None
        begun = False
        while True:
            try:
                if not begun:
                    self._seen, begun = await self._stops.newest(), True
                orders, self._seen = await self._stops.after(self._seen)
                for stop in orders:
                    self.here(stop)
                await self._end_revoked()
            except TrunklineError as error:
                log.debug("no look at the orders", extra={"error": str(error)})
            await asyncio.sleep(LOOK)

    async def _end_revoked(self) -> None:
        shown = {session.plan.credential for session in self._board.sessions}
        keys = {one for one in shown if one.startswith("tl_")}
        if self._keyring is None or not keys:
            return
        revoked = await self._keyring.revoked(keys)
        for session in self._board.sessions:
            if session.plan.credential in revoked:
                session.feed(HangUpOrdered(REVOKED, when_quiet=False))


@asynccontextmanager
async def open_stopper(
    board: Switchboard, store: Store | None, keyring: Keyring | None
) -> AsyncIterator[Stopper]:
    """A stopper that looks for orders, where there is a place for them."""
    if store is None:
        yield Stopper(board)
        return
    stopper = Stopper(board, store.stops, keyring)
    looking = asyncio.create_task(stopper.run(), name="stopper")
    try:
        yield stopper
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking


def _is_meant(stop: Stop, plan: Plan) -> bool:
    if stop.tenant not in (EVERY, plan.tenant):
        return False
    match stop.kind:
        case "call":
            return plan.call_id == stop.target
        case "caller":
            return plan.caller == stop.target
        case "credential":
            return plan.credential == stop.target
        case "tenant":
            return plan.tenant == stop.target
        case "everything":
            return True
