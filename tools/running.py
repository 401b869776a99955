"""Where tools run: sync ones in threads, and each with a context that ends with its run."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from tools.aside import aside
from tools.context import Cancellation, Nowhere, ToolContext

T = TypeVar("T")

HEED = 1.0  # seconds in which a cancelled tool is to have ended
THREADS = 16  # sync tools of one toolbox at the same time, those that overran included


log = logging.getLogger(__name__)


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


class Apart:
    """Runs async tools in tasks of their own: one that swallows its cancellation holds up nobody.

    A loop around a bare `except` is all that it takes, and a call could not end any more.
    """

    def __init__(self) -> None:
        self._left: set[asyncio.Task[Any]] = set()  # that have not heeded; the loop forgets them

    async def run(self, name: str, work: Coroutine[Any, Any, T]) -> T:
        """What the work returns or raises; when cancelled, it has a moment to end."""
        task = asyncio.get_running_loop().create_task(_outcome(work), name=f"tool {name}")
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            task.cancel()
            try:
                await asyncio.wait((task,), timeout=HEED)
            finally:
                if not task.done():
                    self._leave(name, task)
            raise
        value: T
        value, error = task.result()
        if error is not None:
            raise error
        return value

    def _leave(self, name: str, task: asyncio.Task[Any]) -> None:
        log.warning("a tool goes on though it was cancelled, and is left", extra={"tool": name})
        self._left.add(task)
        task.add_done_callback(self._left.discard)


async def _outcome(work: Coroutine[Any, Any, T]) -> tuple[Any, BaseException | None]:
    """Also what leaves the interpreter is an outcome: raised in a task, it would end the loop."""
    try:
        return await work, None
    except (Exception, SystemExit, asyncio.CancelledError) as error:
        return None, error


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
