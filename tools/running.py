"""Runs one function for a tool call, within its time, async on the loop or sync in a thread."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tools.context import ToolContext

THREADS = 16  # sync tools of one toolbox at the same time, those that overran included


class Busy(Exception):
    """All threads are taken by tools that have not returned."""


class Threads:
    """Daemon threads, so many at most: a function that never returns holds up nobody's exit."""

    def __init__(self, limit: int = THREADS) -> None:
        self._free = threading.BoundedSemaphore(limit)

    async def run(self, function: Callable[[], Any]) -> Any:
        """What the function returns or raises; when cancelled, its thread is left to itself."""
        if not self._free.acquire(blocking=False):
            raise Busy
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()
        inherited = contextvars.copy_context()

        def work() -> None:
            result, error = None, None
            try:
                result = inherited.run(function)
            except BaseException as raised:
                error = raised
            finally:
                self._free.release()
            _call_soon(loop, _settle, outcome, (result, error))

        threading.Thread(target=work, name="tool", daemon=True).start()
        result, error = await outcome
        if error is not None:
            raise error
        return result


class Hold:
    """A ToolContext for one run: thread safe, and without effect once the run is over."""

    def __init__(self, context: ToolContext) -> None:
        self._open = True
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._hang_up = context.hang_up
        self.context = replace(context, hang_up=self._ask)

    def release(self) -> None:
        self._open = False

    def _ask(self, reason: str) -> None:
        if threading.get_ident() == self._thread:
            self._order(reason)
        else:
            _call_soon(self._loop, self._order, reason)

    def _order(self, reason: str) -> None:
        if self._open:
            self._hang_up(reason)


def _settle(outcome: asyncio.Future[Any], value: Any) -> None:
    if not outcome.done():
        outcome.set_result(value)


def _call_soon(loop: asyncio.AbstractEventLoop, *call: Any) -> None:
    if not loop.is_closed():  # a thread may outlive the loop that it was started for
        loop.call_soon_threadsafe(*call)
