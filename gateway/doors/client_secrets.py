"""Client secrets: short-lived keys, each for one call, that a server gets for a caller of its own.

`POST /v1/realtime/client_secrets` gives one out. It is bound to a session, and where its maker says
so to the origin of a page and to an identity, which the call's tools and journal then know.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from gateway.identity.who import NOBODY, Identity
from gateway.protocol.wire import Json, Refused

PREFIX = "ek_"
LIMIT = 10_000  # secrets that nobody has used yet
ROOM = 64 * 1024 * 1024  # bytes of the sessions that they are bound to
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
        room: int = ROOM,
    ) -> None:
        self._wall = wall
        self._clock = clock
        self._limit = limit
        self._room = room
        self._open: dict[str, tuple[ClientSecret, float, int]] = {}  # until when; bytes
        self._size = 0  # bytes
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
        now, size = self._clock(), len(msgspec.json.encode(session))
        if self._is_full(size):
            self._make_room(who.tenant, size, now)
        value = PREFIX + secrets.token_hex(16)
        end = int(self._wall()) + seconds
        secret = ClientSecret(value, end, session, who, origin.lower(), identity)
        self._open[value] = secret, now + seconds, size
        self._size += size
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
        if (gone := self._open.pop(value, None)) is not None:
            self._size -= gone[2]

    def redeem(self, value: str, origin: str) -> ClientSecret:
        """What it stands for, once. Raises Refused, which does not say what is wrong with it."""
        secret, until, _ = self._open.get(value, (None, 0.0, 0))
        if secret is None or until <= self._clock():
            self.forget(value)
            raise Refused("invalid_api_key", NOT_GOOD)
        if not secret.fits(origin):
            raise Refused("invalid_api_key", NOT_GOOD)
        self.forget(value)
        return secret

    def _is_full(self, size: int) -> bool:
        return len(self._open) >= self._limit or self._size + size > self._room

    def _make_room(self, tenant: str, size: int, now: float) -> None:
        """Let go what is late, and then the oldest of whoever has more than this tenant.

        So nobody is kept from calling by another who asks for secrets and uses none.
        """
        for value in [value for value, (_, until, _) in self._open.items() if until <= now]:
            self.forget(value)
        held = Counter[str]()
        for secret, _, bound in self._open.values():
            held[secret.who.tenant] += self._weight(bound)
        while self._is_full(size):
            (most, much), *_ = held.most_common(1) or [(tenant, 0)]
            if much <= held[tenant]:
                message = f"{len(self._open)} client secrets wait to be used, as many as there is "
                message += "room for. Use them, or let them expire."
                raise Refused("rate_limit_exceeded", message, kind="rate_limit_error")
            theirs = (value for value, one in self._open.items() if one[0].who.tenant == most)
            oldest = next(theirs)
            held[most] -= self._weight(self._open[oldest][2])
            self.forget(oldest)

    def _weight(self, size: int) -> int:
        """What one takes of the room, of which a part is taken by each, however small."""
        return 1 + size * self._limit // self._room

    def __len__(self) -> int:
        return len(self._open)
