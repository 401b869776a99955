"""Shared: what several gateways have in common beside their books, in Redis."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import msgspec

from gateway.call.events import CallerJoined
from gateway.doors.tickets import LIFETIME, LIMIT, Tickets
from gateway.errors import SettingsError
from gateway.settings import Settings

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger(__name__)

SECONDS = 2.0  # that Redis may take
PREFIX = "trunkline:ticket:"
EXAMPLE = "redis://localhost:6379/0"


class SharedTickets:
    """Tickets that one gateway gives out and any may redeem, once among all of them.

    Each is kept here as well: while Redis is away, tickets are good where they were given out.
    """

    def __init__(self, redis: Redis, here: Tickets | None = None) -> None:
        self._redis = redis
        self._here = here or Tickets()
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._only_here: set[str] = set()  # what Redis did not take

    def issue(self, known: CallerJoined, seconds: float = LIFETIME) -> str:
        """A secret word for a call of which this is known. Raises TooManyTicketsError."""
        word = self._here.issue(known, seconds)
        task = asyncio.create_task(self._send(word, known, seconds), name="ticket to redis")
        self._sending[word] = task
        task.add_done_callback(lambda _: self._sending.pop(word, None))
        return word

    async def wait_known(self, word: str) -> None:
        """Until any gateway may redeem a ticket of ours, where Redis is there to know it."""
        if (task := self._sending.get(word)) is not None:
            await task

    async def redeem(self, word: str) -> CallerJoined | None:
        """What the ticket stands for; nothing where it is unknown, late, or was used before."""
        try:
            word = str(uuid.UUID(word.strip()))
        except ValueError:
            return None
        await self.wait_known(word)
        here = self._here.redeem(word)
        if word in self._only_here:
            self._only_here.discard(word)
            return here
        try:
            found = await self._redis.getdel(PREFIX + word)
        except failures() as error:
            log.error("redis does not answer; a ticket is looked for here", extra=why(error))
            return here
        return msgspec.json.decode(found, type=CallerJoined) if found else None

    async def _send(self, word: str, known: CallerJoined, seconds: float) -> None:
        try:
            await self._redis.set(
                PREFIX + word, msgspec.json.encode(known), px=max(1, round(seconds * 1000))
            )
        except failures() as error:
            if len(self._only_here) >= LIMIT:
                self._only_here.clear()
            self._only_here.add(word)
            log.error("redis does not answer; a ticket is good here only", extra=why(error))


def failures() -> tuple[type[Exception], ...]:
    """What is raised where Redis does not answer, or not as it should."""
    from redis.exceptions import RedisError

    return (RedisError, OSError, TimeoutError)


def why(error: Exception) -> dict[str, str]:
    """Fields for the log."""
    return {"error": str(error)[:200] or type(error).__name__}


@asynccontextmanager
async def open_redis(settings: Settings) -> AsyncIterator[Redis | None]:
    """The Redis of the settings; nothing where none is named. Raises SettingsError."""
    url = settings.store.redis.reveal()
    if not url:
        yield None
        return
    if find_spec("redis") is None:
        raise SettingsError(
            "store.redis names a Redis, whose driver is not installed: "
            'python -m pip install "trunkline[redis]"'
        )
    from redis.asyncio import Redis

    try:
        redis = Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)
    except ValueError:
        raise SettingsError(f"store.redis is no URL of a Redis; for example {EXAMPLE}") from None
    try:
        try:
            await redis.ping()
        except failures() as error:
            raise SettingsError(
                f"store.redis cannot be used: {why(error)['error']}; see that it runs and may be "
                f"reached, or name another, such as {EXAMPLE}"
            ) from None
        yield redis
    finally:
        await redis.aclose()
