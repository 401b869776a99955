"""Holding: a context that is open in a task of its own, and so may be closed from anywhere."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

T = TypeVar("T")


class Held(Generic[T]):
    """Something that is open until `close` is called."""

    def __init__(self, value: T, task: asyncio.Task[None], let_go: asyncio.Event) -> None:
        self.value = value
        self._task = task
        self._let_go = let_go

    async def close(self) -> None:
        """Close it, if nobody has yet. Raises what its closing raises."""
        self._let_go.set()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()


async def hold(context: AbstractAsyncContextManager[T], name: str) -> Held[T]:
    """Open it. Raises what its opening raises."""
    opened: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    let_go = asyncio.Event()

    async def live() -> None:
        async with context as value:
            opened.set_result(value)
            await let_go.wait()

    task = asyncio.create_task(live(), name=name)
    try:
        waits: list[asyncio.Future[T] | asyncio.Future[None]] = [task, opened]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait([task])
        raise
    if not opened.done():
        opened.cancel()
        task.result()
    return Held(opened.result(), task, let_go)
