"""A few threads for a model's jobs, most urgent first, with a bounded queue; used from one loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import IntEnum
from functools import partial

from gateway.embedded.memory import give_back
from gateway.errors import AssistantError

Stop = Callable[[], bool]
Work = Callable[[Stop], str]  # asks now and then whether to stop; what it then returns is not used


class Rank(IntEnum):
    """How urgent a job is, the most urgent first."""

    FINAL = 0  # someone waits for it
    EARLY = 1  # someone may wait for it soon
    PARTIAL = 2  # nice to have: runs only where a worker has nothing else to do


class Job:
    """Work that waits, runs, or is done: `future` has its text, or is cancelled."""

    def __init__(self, work: Work, rank: Rank) -> None:
        self.rank = rank
        self.future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.future.add_done_callback(_see)
        self._work = work
        self._stop = threading.Event()

    def hurry(self) -> None:
        """Someone waits for it now."""
        self.rank = Rank.FINAL

    def cancel(self) -> None:
        """Nobody wants it any more: leaves the queue, or stops at its next step."""
        self._stop.set()
        self.future.cancel()

    def fail(self, error: Exception) -> None:
        """It will never be done."""
        self._stop.set()
        if not self.future.done():
            self.future.set_exception(error)

    def run(self) -> str:
        """Do the work; called on a worker's thread."""
        return "" if self._stop.is_set() else self._work(self._stop.is_set)

    def settle(self, ran: asyncio.Future[str]) -> None:
        """Take over how the work ended."""
        if self.future.done():
            return
        if ran.cancelled():
            self.future.cancel()
        elif error := ran.exception():
            self.future.set_exception(error)
        else:
            self.future.set_result(ran.result())


def _see(future: asyncio.Future[str]) -> None:
    """An error that nobody awaits, since the caller hung up, is not worth a warning."""
    if not future.cancelled():
        future.exception()


def _closed() -> AssistantError:
    return AssistantError("the ears are closed: nothing more can be transcribed")


class Workers:
    """Threads that share one queue. One of several is kept free of partial work."""

    def __init__(self, count: int, *, waiting: int = 64) -> None:
        assert count > 0
        self._count, self._limit = count, waiting
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="ears")
        self._waiting: list[Job] = []
        self._running: dict[Job, asyncio.Future[str]] = {}
        self._closed = False

    def submit(self, work: Work, rank: Rank) -> Job | None:
        """Queue a job. None where one that is not FINAL finds no room; AssistantError for FINAL."""
        if self._closed:
            raise _closed()
        if rank is Rank.PARTIAL:
            kept = min(1, self._count - 1)
            if self._waiting or len(self._running) >= self._count - kept:
                return None
        elif len(self._waiting) >= self._limit:
            if rank is not Rank.FINAL:
                return None
            raise AssistantError(
                f"the ears are overloaded: {len(self._waiting)} utterances wait, at most"
                f" {self._limit} may. Admit fewer calls, or give them more workers"
            )
        job = Job(work, rank)
        self._waiting.append(job)
        job.future.add_done_callback(lambda _: self._forget(job))
        self._start()
        if job in self._waiting and rank is Rank.FINAL:
            for other in self._running:
                if other.rank is Rank.PARTIAL:
                    other.cancel()
        return job

    def _forget(self, job: Job) -> None:
        if job in self._waiting:
            self._waiting.remove(job)

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting and len(self._running) < self._count:
            job = min(self._waiting, key=lambda job: job.rank)  # the oldest of the most urgent
            self._waiting.remove(job)
            if not job.future.done():
                self._running[job] = ran = loop.run_in_executor(self._threads, job.run)
                ran.add_done_callback(partial(self._end, job))

    def _end(self, job: Job, ran: asyncio.Future[str]) -> None:
        del self._running[job]
        job.settle(ran)
        self._start()
        if not self._running and not self._closed and job.rank is not Rank.PARTIAL:
            self._threads.submit(give_back)  # what a turn took, before the next one needs it

    async def close(self) -> None:
        """Cancel what waits, stop what runs, end the threads."""
        self._closed = True
        for job in [*self._waiting, *self._running]:
            job.fail(_closed())
        if self._running:
            await asyncio.wait(list(self._running.values()))
        self._threads.shutdown()
