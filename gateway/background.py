"""Background: work that goes on beside what its owner does, and ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

RESOLUTION = 0.001  # seconds in which a loop's clock may stand still
AGAIN = 5.0  # seconds after which work that goes on is told once more to end


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """The work runs while this is open; then it is cancelled and waited for. Raises what it did."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        # What it waited for may have come at the same moment; Python 3.11 then loses the order.
        while not (await asyncio.wait((task,), timeout=AGAIN))[0]:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def repeated(work: Callable[[], float], first: float) -> None:
    """Do it in so many seconds, and then whenever it says, until cancelled. Raises what it did.

    For what comes many times a second: no task is woken for it.
    """
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    timer: asyncio.TimerHandle | None = None

    def ring() -> None:
        nonlocal timer
        try:
            timer = loop.call_later(work(), ring)
        except Exception as error:
            if not over.done():
                over.set_exception(error)

    timer = loop.call_later(first, ring)
    try:
        await over
    finally:
        timer.cancel()
