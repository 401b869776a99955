"""Common: what the gateways of one Redis have together, in place of what each has for itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gateway.admission.quotas import Quota
from gateway.doors.client_secrets import ClientSecrets
from gateway.doors.tickets import Tickets
from gateway.settings import Settings
from gateway.sharing.redis import SharedTickets, open_redis
from gateway.switchboard import Switchboard

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from gateway.sharing.calls import SharedCalls
    from gateway.sharing.stops import SharedStops


class House(Protocol):
    """The gateway, as far as it shares what it has."""

    @property
    def name(self) -> str: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def switchboard(self) -> Switchboard: ...
    @property
    def quota(self) -> Quota: ...
    @property
    def secrets(self) -> ClientSecrets: ...


@dataclass(frozen=True, slots=True)
class Common:
    """All of it; without a Redis each gateway has its own."""

    tickets: Tickets | SharedTickets
    redis: Redis | None = None
    calls: SharedCalls | None = None
    stops: SharedStops | None = None


@asynccontextmanager
async def open_common(house: House, before: str = "") -> AsyncIterator[Common]:
    """The Redis of the settings, in use; `before` as `open_shared_calls` has it.

    Raises SettingsError.
    """
    async with open_redis(house.settings) as redis:
        if redis is None:
            yield Common(Tickets())
            return
        from gateway.sharing.calls import open_shared_calls
        from gateway.sharing.counts import open_shared_counts
        from gateway.sharing.secrets import SharedSecrets
        from gateway.sharing.stops import SharedStops

        house.secrets.shared = SharedSecrets(redis)
        async with (
            open_shared_counts(redis) as house.quota.shared,
            open_shared_calls(redis, house.switchboard, house.name, before) as calls,
        ):
            yield Common(SharedTickets(redis), redis, calls, SharedStops(redis))
        house.quota.shared = house.secrets.shared = None
