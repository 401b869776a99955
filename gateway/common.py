"""Common: what the gateways of one Redis have together, in place of what each has for itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.quotas import Quota
from gateway.settings import Settings
from gateway.shared import SharedTickets, open_redis
from gateway.tickets import Tickets

if TYPE_CHECKING:
    from redis.asyncio import Redis


@dataclass(frozen=True, slots=True)
class Common:
    """All of it; without a Redis each gateway has its own."""

    redis: Redis | None
    tickets: Tickets | SharedTickets


@asynccontextmanager
async def open_common(settings: Settings, quota: Quota) -> AsyncIterator[Common]:
    """The Redis of the settings, in use. Raises SettingsError."""
    async with open_redis(settings) as redis:
        if redis is None:
            yield Common(None, Tickets())
            return
        from gateway.shared_counts import open_shared_counts

        async with open_shared_counts(redis) as quota.shared:
            yield Common(redis, SharedTickets(redis))
        quota.shared = None
