"""Reading: a message that takes long to be understood is read in a thread, and no call waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from gateway.call.events import CallerAudio
from gateway.callers.dialect import facts

M = TypeVar("M")
F = TypeVar("F")


class Reading:
    """Lends one dialect to a thread, a message at a time; nobody else may use it then."""

    def __init__(self) -> None:
        self._work: asyncio.Task[Any] | None = None

    @property
    def busy(self) -> bool:
        """Whether the dialect is lent."""
        return self._work is not None

    async def all(
        self, read: Callable[[M], bytes | Iterable[F]], message: M
    ) -> list[F | CallerAudio]:
        """The facts in a message. Raises what `read` raises; cancelled it ends first."""
        assert self._work is None
        work = asyncio.create_task(asyncio.to_thread(lambda: list(facts(read(message)))))
        self._work = work
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait([work])
            raise
        finally:
            self._work = None

    async def wait_free(self) -> None:
        """Until the dialect is back."""
        while self._work is not None:
            await asyncio.wait([self._work])
            await asyncio.sleep(0)
