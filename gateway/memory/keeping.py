"""Keeping: what a call came to is put down when it is over, for the caller's next one.

What was said is summed up at once, by picking out sentences; a text model, where there is one,
does it better a little later, and no call waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from weakref import WeakSet

from gateway.background import beside
from gateway.call.effects import AGREED, Effect, ShowNotice, ShowTool, ShowWords
from gateway.call.events import CallerJoined, Event
from gateway.call.history import History
from gateway.call.plan import Plan
from gateway.call.summary import summarise
from gateway.errors import AssistantError
from gateway.memory.notebook import Notebook
from gateway.memory.recalling import Recall, Recalling
from gateway.memory.thread import thread_of
from gateway.privacy.holders import Kept, Whose
from gateway.redaction.detect import ALL, Policy, redact
from gateway.redaction.lines import redacted
from gateway.session import Model
from gateway.settings.memory import Memory
from gateway.store.memories import Memories
from gateway.store.store import Store
from gateway.store.writes import change, put

log = logging.getLogger(__name__)

WAITING = 64  # calls that a model is still to sum up; more keep the sentences picked out
LAST_SECONDS = 3.0  # for them, when the gateway ends

Lines = Sequence[ShowWords | ShowTool]


@dataclass(frozen=True, slots=True)
class Job:
    """A call that a model is to sum up."""

    thread: Thread
    lines: Lines

    @property
    def call_id(self) -> str:
        """Of the call."""
        return self.thread.plan.call_id


class Keeper:
    """The memory of one gateway."""

    def __init__(self, store: Store, policy: Policy = ALL) -> None:
        self._store = store
        self._policy = policy  # what no summary holds
        self.memories = Memories(store.database)
        self.notebook = Notebook(self.memories)
        self._jobs: asyncio.Queue[Job] = asyncio.Queue(WAITING)
        self._threads: WeakSet[Thread] = WeakSet()  # of live calls

    def thread(self, plan: Plan, settings: Memory) -> Thread | None:
        """What one call has to do with memory; nothing where it is off."""
        if settings.callers == "none":
            return None
        thread = Thread(self, plan, settings)
        self._threads.add(thread)
        return thread

    def forget(self, tenant: str, caller: str) -> None:
        """Of this caller's live calls nothing is kept, nor of those that are being summed up."""
        for thread in self._threads:
            if (thread.plan.tenant, thread.caller) == (tenant, caller):
                thread.forget()

    def over(self, thread: Thread, lines: Lines) -> None:
        """A call is over: put down what it came to."""
        spoken = any(isinstance(line, ShowWords) and line.role == "caller" for line in lines)
        if not thread.caller or not spoken or thread.forgotten or not thread.allowed:
            return
        lines = _covered(lines, self._policy)
        call_id, found = thread.plan.call_id, summarise(lines)
        whose = {"call_id": call_id, "tenant": thread.plan.tenant, "caller": thread.caller}
        text, agreed = (redact(one, self._policy) for one in (found.text, found.agreed))
        said = {"text": text, "agreed": agreed, "at_ms": time.time_ns() // 1_000_000}
        if found.text:
            self._store.writer.add(put("summaries", {**whose, **said}))
        if thread.settings.base_url and found.text:
            try:
                self._jobs.put_nowait(Job(thread, lines))
            except asyncio.QueueFull:
                log.warning("too many calls wait to be summed up", extra={"call": call_id})

    async def run(self) -> None:
        """Let the model sum up one call after the other, until cancelled."""
        while True:
            job = await self._jobs.get()
            try:
                if not job.thread.forgotten:
                    await self._sum_up(job)
            except AssistantError as error:
                log.warning("a call is not summed up", extra={"call": job.call_id, "why": error})
            finally:
                self._jobs.task_done()

    async def _sum_up(self, job: Job) -> None:
        from gateway.memory.summarising import summed_up  # the SDK takes time to load

        found = await summed_up(job.lines, job.thread.settings)
        text, agreed = (redact(one, self._policy) for one in (found.text, found.agreed))
        row = {"call_id": job.call_id, "text": text, "agreed": agreed}
        # A change, so that what was erased in the meantime does not come back.
        self._store.writer.add(change("summaries", row))

    async def wait_summed_up(self) -> None:
        """Until no call waits for the model."""
        await self._jobs.join()


def _covered(lines: Lines, policy: Policy) -> Lines:
    """The same without numbers of people, also those that were said in pieces."""
    words = [line for line in lines if isinstance(line, ShowWords)]
    texts = iter(redacted([(line.role, line.text) for line in words], policy))
    return [
        replace(line, text=next(texts)) if isinstance(line, ShowWords) else line for line in lines
    ]


class Thread:
    """One call as a part of what its caller has said over time: a tap, and a leg that knows."""

    def __init__(self, keeper: Keeper, plan: Plan, settings: Memory) -> None:
        self.plan = plan
        self.settings = settings
        self.caller = thread_of(plan, settings)
        self.forgotten = False
        self.allowed = plan.privacy.transcripts == "on"  # its words may be kept
        self._keeper = keeper
        self._history = History()
        self._recall = Recall(keeper.memories, settings, plan.tenant)
        if self.caller or settings.callers == "known":
            self._recall.known(self.caller)

    def forget(self) -> None:
        """Keep nothing of this call, and tell no other session of it what was known."""
        self.forgotten = True
        self._recall.forget()

    def leg(self, leg: Model) -> Model:
        """The leg to a model, which is told what is known."""
        return Recalling(leg, self._recall)

    def event(self, event: Event, now: int) -> None:
        """Notice who calls, where only the caller has said it."""
        if isinstance(event, CallerJoined) and not self.caller:
            self.caller = thread_of(self.plan, self.settings, event.address)
            self._recall.known(self.caller)

    def effect(self, effect: Effect, now: int) -> None:
        """Notice what is said and done; of what is said before the caller agrees, nothing."""
        if isinstance(effect, ShowNotice) and effect.code == AGREED and not self.allowed:
            self.allowed = self.plan.privacy.transcripts == "consent"
        elif self.allowed:
            self._history.see(effect)

    def close(self) -> None:
        """The call is over."""
        self._keeper.over(self, list(self._history.latest()))


@dataclass(frozen=True, slots=True)
class LiveMemory:
    """What live calls would leave in memory, as the custodian sees it."""

    keeper: Keeper
    name: str = "memory"

    async def forget(self, whose: Whose) -> int:
        """Of this caller's live calls nothing will be remembered."""
        if whose.caller:
            self.keeper.forget(whose.tenant, whose.caller)
        return 0

    async def export(self, whose: Whose) -> AsyncIterator[Kept]:
        """What is remembered stands in the books."""
        nothing: tuple[Kept, ...] = ()
        for kept in nothing:
            yield kept


@asynccontextmanager
async def open_keeper(store: Store, policy: Policy = ALL) -> AsyncIterator[Keeper]:
    """A memory at work; at the end the calls that wait are summed up, or stay as they are."""
    keeper = Keeper(store, policy)
    async with beside(keeper.run(), "memory"):
        yield keeper
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await keeper.wait_summed_up()
