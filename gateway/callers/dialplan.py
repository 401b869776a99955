"""What Asterisk's bridges share: a dialplan fetches a ticket first, and asks later what is next.

`POST /<bridge>/voice` gives a ticket as plain text, `GET /<bridge>/next/<ticket>` says after the
call, once, what the dialplan is to do: one word, a bar, and a target or a cause. Both are made for
`CURL()`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from gateway.call.events import CallerJoined
from gateway.callers.bridge import Desk, body_of, forbidden
from gateway.callers.carrier import form_of
from gateway.callers.line import LineError
from gateway.errors import TrunklineError

REMEMBERED = 60.0  # seconds in which a dialplan may ask what is next
LIMIT = 10_000  # calls of which that is remembered
ENDED, REFUSED, BUSY = "ended|16", "refused|21", "busy|42"  # and the cause, as Q.850 numbers it
TARGET = re.compile(r"[\w+*#@.:;=~-]{1,128}", re.ASCII)


class Outcomes:
    """What a dialplan is to do after a call, by the call's ticket; told once."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._told: dict[str, tuple[float, str]] = {}  # and until when

    def put(self, word: str, outcome: str) -> None:
        """This is what is next after that call."""
        now = self._clock()
        self._told.pop(word, None)  # so that the first are those which are forgotten first
        while self._told and (self._first_until() <= now or len(self._told) >= LIMIT):
            del self._told[next(iter(self._told))]
        self._told[word] = (now + REMEMBERED, outcome)

    def _first_until(self) -> float:
        return next(iter(self._told.values()))[0]

    def take(self, word: str) -> str | None:
        """What is next; nothing where nobody knows, or it was told."""
        until, outcome = self._told.pop(word.strip().lower(), (0.0, None))
        return outcome if self._clock() < until else None

    def __len__(self) -> int:
        return len(self._told)


@dataclass(frozen=True, slots=True)
class DialplanLine:
    """What can be done with a call beside its socket: tell the dialplan how it goes on."""

    word: str  # the call's ticket; empty where it has none
    outcomes: Outcomes

    async def hang_up(self, reason: str) -> None:
        """The socket says so itself; a dialplan that asks learns that all is well."""
        del reason
        if self.word:
            self.outcomes.put(self.word, ENDED)

    async def transfer(self, target: str) -> None:
        """The dialplan goes on when the socket is closed, and asks where to."""
        if not self.word:
            raise LineError(
                "this call came without a ticket, by which its dialplan could ask where to go on"
            )
        if not TARGET.fullmatch(target):
            raise LineError(
                "this line puts callers through to names, numbers and SIP addresses, written in "
                "letters, digits and + * # @ . : ; = ~ - _"
            )
        self.outcomes.put(self.word, f"transfer|{target}")


@dataclass(frozen=True, slots=True)
class Dialplan:
    """The two addresses of a bridge."""

    bridge: str
    desk: Desk
    outcomes: Outcomes = field(default_factory=Outcomes)

    @property
    def routes(self) -> list[BaseRoute]:
        """Where they are."""
        return [
            Route(f"/{self.bridge}/voice", self.voice, methods=["POST"]),
            Route(f"/{self.bridge}/next/{{word}}", self.next, methods=["GET"]),
        ]

    async def voice(self, request: Request) -> Response:
        """A ticket for a call of which the form's fields say who it is."""
        if why := await self.desk.may_operate(request):
            return forbidden(self.bridge, why)
        body = await body_of(request)
        if body is None:
            return PlainTextResponse("Expected a shorter form.\n", 413)
        given = form_of(body)
        caller, called = given.pop("from", ""), given.pop("to", "")
        try:
            word = self.desk.issue(CallerJoined(caller, called=called, metadata=given))
        except TrunklineError as error:
            return PlainTextResponse(f"{error}\n", 503)
        return PlainTextResponse(await self.desk.known(word))

    async def next(self, request: Request) -> Response:
        """What is next after a call that is over. Whoever knows its ticket may ask."""
        outcome = self.outcomes.take(request.path_params["word"])
        return PlainTextResponse(outcome or "unknown|0", 200 if outcome else 404)
