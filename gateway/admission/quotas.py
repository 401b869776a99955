"""Quotas: how many calls one caller, tenant and address may have at once, and begin in a minute."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import blake2b
from secrets import token_hex
from time import monotonic
from typing import TYPE_CHECKING

from gateway.admission.counts import MINUTE, Counts, Exceeded, Limit
from gateway.settings.quotas import Quotas
from gateway.switchboard import BusyError

if TYPE_CHECKING:
    from gateway.sharing.counts import SharedCounts

NETWORK = 64  # bits: what one customer of a provider has of IPv6 addresses


class TooManyError(BusyError):
    """There is room, but not for this caller, tenant or address; says which quota it is."""

    status, code, kind = 429, "rate_limit_exceeded", "rate_limit_error"

    def __init__(self, exceeded: Exceeded, claim: Claim) -> None:
        self.claim = claim
        limit = exceeded.limit
        said = "are live, as many at once" if not limit.seconds else "have begun in a minute"
        super().__init__(f"{limit.most} calls {said}, which is what {limit.name} allows.")
        if exceeded.again:
            self.again = math.ceil(exceeded.again)


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants to call. What is not known is not limited."""

    tenant: str = ""
    caller: str = ""
    address: str = ""  # from which it comes over HTTP; a carrier's says nothing of its callers

    def limits(self, quotas: Quotas, of: str = "calls") -> tuple[Limit, ...]:
        """All that are set for it; other things than calls are counted by themselves."""
        whose = (
            ("address", self.address and ("", _network(self.address))),
            ("caller", self.caller and (self.tenant, self.caller)),
            ("tenant", (self.tenant,)),
        )
        return tuple(
            Limit(_key(of, kind, what, words), most, f"quotas.{kind}_{what}", seconds)
            for kind, words in whose
            if words
            for what, seconds in (("calls", 0.0), ("per_minute", MINUTE))
            if (most := getattr(quotas, f"{kind}_{what}"))
        )


class Quota:
    """The quotas of one gateway, or of several that count together in `shared`.

    While that is away each counts by itself, with the same limits: nobody is refused for it.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.counts = Counts(clock)
        self.shared: SharedCounts | None = None

    async def look(self, claim: Claim, quotas: Quotas) -> None:
        """See whether there is room, and count nothing. Raises TooManyError."""
        limits = claim.limits(quotas)
        if limits and (exceeded := await self._exceeded(limits, "")) is not None:
            raise TooManyError(exceeded, claim)

    async def count(self, claim: Claim, quotas: Quotas, of: str) -> None:
        """Count a thing that may be had as often in a minute as calls. Raises TooManyError."""
        limits = [limit for limit in claim.limits(quotas, of) if limit.seconds]
        if not limits:
            return
        name = f"{of}_{token_hex(8)}"
        if (exceeded := await self._exceeded(limits, name)) is not None:
            raise TooManyError(exceeded, claim)
        self.counts.add(name, limits)

    @asynccontextmanager
    async def seat(self, claim: Claim, quotas: Quotas, call_id: str) -> AsyncIterator[None]:
        """For the time of a call, from before its first word. Raises TooManyError."""
        limits = claim.limits(quotas)
        if not limits:
            yield
            return
        if (exceeded := await self._exceeded(limits, call_id)) is not None:
            raise TooManyError(exceeded, claim)
        self.counts.add(call_id, limits)
        if self.shared is not None:
            self.shared.hold(call_id, limits)
        try:
            yield
        finally:
            self.counts.over(call_id, limits)
            if self.shared is not None:
                self.shared.let_go(call_id)

    async def _exceeded(self, limits: Sequence[Limit], call_id: str) -> Exceeded | None:
        """By the count of all, or where that cannot be had by our own. With an id it is counted."""
        if self.shared is not None:
            from gateway.sharing.counts import AWAY

            found = await self.shared.exceeded(limits, call_id)
            if found is not AWAY:
                return found
        return self.counts.exceeded(limits)


def _key(*words: object) -> str:
    """Of what is no longer to be read: neither numbers nor addresses lie about in a Redis."""
    return blake2b(repr(words).encode(errors="replace"), digest_size=16).hexdigest()


def _network(address: str) -> str:
    """What one customer has: an IPv4 address, or a network of IPv6 addresses."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found.packed, NETWORK), strict=False))
    return str(found)
