"""Client secrets: short-lived keys, each for one call, that a server gets for a caller of its own.

`POST /v1/realtime/client_secrets` gives one out. It is bound to a session, and where its maker says
so to the origin of a page and to an identity, which the call's tools and journal then know.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.identity.who import NOBODY, Identity
from gateway.protocol.wire import Json, Refused

PREFIX = "ek_"
LIMIT = 10_000  # secrets that nobody has used yet
NOT_GOOD = (
    "Incorrect client secret provided: it is unknown, has expired, was used before, or belongs to "
    "a page at another address. Get a new one for each call."
)


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """One key and what it stands for."""

    value: str
    expires_at: int  # unix seconds
    session: Json
    who: Identity  # its maker
    origin: str = ""  # of the only page that may use it; empty: any
    identity: str = ""  # of the caller, as the maker knows it

    def fits(self, origin: str) -> bool:
        """Whether a page at that origin may use it."""
        return not self.origin or self.origin == origin.lower()


class Shared(Protocol):
    """What several gateways have together: each may redeem what another has given out."""

    def send(self, secret: ClientSecret, seconds: int) -> None:
        """Let the other gateways know of a new one, soon."""
        ...

    async def redeem(self, here: ClientSecrets, value: str, origin: str) -> ClientSecret:
        """What it stands for, once among all gateways. Raises Refused."""
        ...


class ClientSecrets:
    """The secrets that one process gave out and that wait to be used.

    `wall`: unix time, for telling until when. `clock`: seconds, and never back, for going by it.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        *,
        limit: int = LIMIT,
    ) -> None:
        self._wall = wall
        self._clock = clock
        self._limit = limit
        self._open: dict[str, tuple[ClientSecret, float]] = {}  # and until when
        self.shared: Shared | None = None

    def mint(
        self,
        seconds: int,
        session: Json,
        who: Identity = NOBODY,
        *,
        origin: str = "",
        identity: str = "",
    ) -> ClientSecret:
        """A new one. Raises Refused where too many are waiting."""
        now = self._clock()
        if len(self._open) >= self._limit:
            self._open = {k: one for k, one in self._open.items() if one[1] > now}
        if len(self._open) >= self._limit:
            message = f"{self._limit} client secrets wait to be used. Use them, or let them expire."
            raise Refused("rate_limit_exceeded", message, kind="rate_limit_error")
        value = PREFIX + secrets.token_hex(16)
        end = int(self._wall()) + seconds
        secret = ClientSecret(value, end, session, who, origin.lower(), identity)
        self._open[value] = secret, now + seconds
        if self.shared is not None:
            self.shared.send(secret, seconds)
        return secret

    async def take(self, value: str, origin: str) -> ClientSecret:
        """The same as `redeem`, once among all gateways that share them. Raises Refused."""
        if self.shared is None:
            return self.redeem(value, origin)
        return await self.shared.redeem(self, value, origin)

    def forget(self, value: str) -> None:
        """It was used."""
        self._open.pop(value, None)

    def redeem(self, value: str, origin: str) -> ClientSecret:
        """What it stands for, once. Raises Refused, which does not say what is wrong with it."""
        secret, until = self._open.get(value, (None, 0.0))
        if secret is None or until <= self._clock():
            self._open.pop(value, None)
            raise Refused("invalid_api_key", NOT_GOOD)
        if not secret.fits(origin):
            raise Refused("invalid_api_key", NOT_GOOD)
        del self._open[value]
        return secret

    def __len__(self) -> int:
        return len(self._open)
