"""Where tools run: sync ones in threads, and each with a context that ends with its run."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

from tools.aside import aside
from tools.context import Cancellation, Nowhere, ToolContext

THREADS = 16  # sync tools of one toolbox at the same time, those that overran included


class Busy(Exception):
    """All threads are taken by tools that have not returned."""


class Threads:
    """Daemon threads, so many at most: a function that never returns holds up nobody's exit."""

    def __init__(self, limit: int = THREADS) -> None:
        self._free = threading.BoundedSemaphore(limit)
        self.around: Callable[[], AbstractContextManager[None]] = nullcontext  # entered by waiters

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
                with aside():
                    result = inherited.run(function)
            except BaseException as raised:
                error = raised
            finally:
                self._free.release()
            _call_soon(loop, _settle, outcome, (result, error))

        threading.Thread(target=work, name="tool", daemon=True).start()
        with self.around():
            result, error = await outcome
        if error is not None:
            raise error
        return result


class Hold:
    """A ToolContext for one run: thread safe, and without effect once the run is over."""

    def __init__(self, context: ToolContext, threads: Threads) -> None:
        self._open = True
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self.context = replace(
            context,
            hang_up=self._here(context.hang_up),
            say=self._here(context.say),
            progress=self._here(context.progress),
            transfer=self._here(context.transfer),
            send_digits=self._here(context.send_digits),
            cancelled=Cancellation(),
            in_thread=threads.run,
        )

    def release(self, *, cancelled: bool) -> None:
        """The run is over."""
        self._open = False
        if cancelled:
            self.context.cancelled.set()

    def _here(self, ask: Callable[..., None]) -> Callable[..., None]:
        """The same on the loop's thread, as long as the run lasts."""
        if isinstance(ask, Nowhere):
            return ask  # it refuses, and that at once

        def order(*words: Any, **named: Any) -> None:
            if self._open:
                ask(*words, **named)

        def from_anywhere(*words: Any, **named: Any) -> None:
            if threading.get_ident() == self._thread:
                order(*words, **named)
            else:
                _call_soon(self._loop, partial(order, *words, **named))

        return from_anywhere


def _settle(outcome: asyncio.Future[Any], value: Any) -> None:
    if not outcome.done():
        outcome.set_result(value)


def _call_soon(loop: asyncio.AbstractEventLoop, *call: Any) -> None:
    if not loop.is_closed():  # a thread may outlive the loop that it was started for
        loop.call_soon_threadsafe(*call)
