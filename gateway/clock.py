"""An asyncio loop on a virtual clock: where nothing is ready, time jumps to the next timer.

For tests and for replaying calls faster than real time. Sockets are real: before the clock moves,
whatever is under way on them is let in. While a job runs in an executor the clock stands still,
however long the job takes, so that the work of a thread costs no virtual time and no timer
overtakes it. While a child process lives, time passes at its real pace, for nobody can know what
the child is about to do.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar, TypeVarTuple
from weakref import WeakSet

from gateway.errors import TrunklineError

GRACE = 0.0002  # real seconds left to a packet that is on its way from one local socket to another
FAR = 1.0  # virtual seconds: so long is mostly the limit of somebody who waits for a packet
PATIENT_GRACE = 0.02  # and worth waiting for a kernel that is behind with its work
PATIENCE = 60.0  # real seconds that jobs may take while the clock stands still

Ready = list[tuple[selectors.SelectorKey, int]]
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class StuckError(TrunklineError):
    """The clock stands still for a job that does not end."""


class _Selector(selectors.DefaultSelector):
    """A real selector which, where it would wait, asks the clock to move instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0  # virtual seconds
        self.holds = 0  # jobs for which the clock stands still
        self.children: WeakSet[asyncio.SubprocessTransport] = WeakSet()

    def select(self, timeout: float | None = None) -> Ready:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self.holds:
            return self._wait_for_jobs()
        if len(self.get_map()) > 1:  # more than the loop's own wake-up pipe
            time.sleep(GRACE)
            patiently = timeout is not None and timeout >= FAR
            if ready := super().select(PATIENT_GRACE if patiently else 0):
                return ready
        if timeout is None or any(child.get_returncode() is None for child in self.children):
            return self._wait_for_real(timeout)
        self.now += timeout
        return []

    def _wait_for_jobs(self) -> Ready:
        ready = super().select(PATIENCE)
        if not ready:
            raise StuckError(
                f"the virtual clock has stood still for {PATIENCE:.0f} real seconds, waiting for"
                f" {self.holds} job(s) in an executor; a job must not wait for a timer of its loop"
            )
        return ready

    def _wait_for_real(self, timeout: float | None) -> Ready:
        """Wait as any selector does; time that was known to pass is counted."""
        began = time.monotonic()
        ready = super().select(timeout)
        if timeout is not None:
            self.now += timeout if not ready else min(time.monotonic() - began, timeout)
        return ready


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` moves only when there is nothing else to do."""

    def __init__(self, start: float = 0.0) -> None:
        self._virtual = _Selector()
        self._virtual.now = start
        super().__init__(self._virtual)

    def time(self) -> float:
        """Virtual seconds since the loop was made, plus `start`."""
        return self._virtual.now

    def stall(self, seconds: float) -> None:
        """Let time pass in which the loop does nothing: something has kept it from its work."""
        self._virtual.now += seconds

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Let the clock stand still: for threads of one's own, which the loop cannot see."""
        self._virtual.holds += 1
        try:
            yield
        finally:
            self._virtual.holds -= 1

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self._virtual.holds += 1
        future.add_done_callback(self._job_done)
        return future

    def _job_done(self, _future: asyncio.Future[Any]) -> None:
        self._virtual.holds -= 1

    async def shutdown_default_executor(self, *timeout: Any) -> None:
        with self.hold():  # its limit on the last jobs is meant in real time
            await super().shutdown_default_executor(*timeout)

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> Any:
        return self._note_child(await super().subprocess_exec(*args, **kwargs))

    async def subprocess_shell(self, *args: Any, **kwargs: Any) -> Any:
        return self._note_child(await super().subprocess_shell(*args, **kwargs))

    def _note_child(self, started: Any) -> Any:
        self._virtual.children.add(started[0])
        return started


def holding() -> AbstractContextManager[None]:
    """Where the running loop has a virtual clock, let it stand still: for threads of others."""
    loop = asyncio.get_running_loop()
    return loop.hold() if isinstance(loop, VirtualClockLoop) else nullcontext()


def run(main: Coroutine[Any, Any, T], *, start: float = 0.0) -> T:
    """Run a coroutine on a virtual clock, as `asyncio.run` does on the real one."""
    with asyncio.Runner(loop_factory=lambda: VirtualClockLoop(start)) as runner:
        return runner.run(main)
