"""Stopping: ends calls on an operator's order, and those whose key or token was revoked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from gateway.admission.access import Access
from gateway.background import beside
from gateway.call.events import HangUpOrdered
from gateway.call.plan import Plan
from gateway.call.quiet import EXPIRED
from gateway.errors import TrunklineError
from gateway.session import Session
from gateway.store.stop import EVERY, KEY_REVOKED, TOKEN_REVOKED, Stop
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


class LetIn(NamedTuple):
    """Somebody who is here by what they have shown; `end` sends them away and takes why."""

    credential: str
    tenant: str
    end: Callable[[str], None]


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
            _hang_up(session, stop.reason)
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

    async def run_credentials(self) -> None:
        """Look for keys and tokens that are good no more until cancelled."""
        while True:
            self._end_by_token()
            with suppress(TrunklineError):
                await self._end_by_key()
            await asyncio.sleep(LOOK)

    def _let_in(self) -> Iterator[LetIn]:
        """Who is here by what they have shown: in a call, or as a guest of one."""
        for session in self._calls.sessions:
            plan = session.plan
            yield LetIn(plan.credential, plan.tenant, partial(_hang_up, session))
        for guest in self._access.guests if self._access is not None else ():
            yield LetIn(guest.who.credential, guest.who.tenant, guest.leave)

    def _end_by_token(self) -> None:
        """Those, too, who were being let in when their token was revoked."""
        if self._access is None:
            return
        if revoked := self._access.revoked:
            for one in self._let_in():
                if revoked.names(one.credential, one.tenant):
                    one.end(TOKEN_REVOKED)
        for guest in self._access.guests:  # a call knows by itself when it is over
            if self._access.is_late(guest.who):
                guest.leave(EXPIRED)

    async def _end_by_key(self) -> None:
        keyring = self._keyring
        keys = {one.credential for one in self._let_in() if one.credential.startswith("tl_")}
        if keyring is None or not keys:
            return
        revoked = await keyring.revoked(keys)
        for one in self._let_in():
            if one.credential in revoked:
                one.end(KEY_REVOKED)

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
        for look in (*looks, stopper.run_credentials()):
            await looking.enter_async_context(beside(look, "stopper"))
        yield stopper


def _hang_up(session: Session, reason: str) -> None:
    session.feed(HangUpOrdered(reason, when_quiet=False))


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
