"""Run: a load test from its first process to its last figure."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from audio.format import pcm16
from gateway.errors import TrunklineError
from gateway.load import clips, processes
from gateway.load.caller import Behaviour
from gateway.load.child import Callers, Model, Order
from gateway.load.figures import Figures, Summary
from gateway.load.lines.ways import Protocol, Target, own_target, own_variables
from gateway.load.notes import CallBegan, CallEnded, Note
from gateway.load.script import Script
from gateway.load.search import Search
from gateway.load.verdict import Limits, crowded, faults, tester_late
from gateway.load.watching import Cost, Neighbours, Nobody, Page, Processes, Used, Watcher, used

EACH = 1.0  # seconds between two looks at what the gateway costs
SETTLE = 2.0  # seconds after the last call began that are not judged
QUIET = 1.0  # seconds for calls to be over after all hung up
LATE = 3.0  # seconds beyond its length after which an answer is missed when a stage ends
STUCK = 15.0  # seconds beyond its time that a stage may take to begin


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be tested, and how. Times in seconds."""

    speech: tuple[Path, ...]
    target: Target | None = None  # nothing: a gateway of our own
    protocol: Protocol = "twilio"
    config: Path | None = None
    workers: int = 1
    model: tuple[str, int] | None = ("127.0.0.1", 0)  # nothing: the gateway's own model answers
    calls: int = 20
    per_second: float = 10.0
    seconds: float = 30.0  # of a stage, after its calls have begun
    minutes: float = 10.0  # in all
    find: bool = False  # how many calls it holds; `calls` is where to begin
    most: int = 2_000
    behaviour: Behaviour = field(default_factory=Behaviour)
    script: Script = field(default_factory=Script)
    limits: Limits = field(default_factory=Limits)
    pid: int = 0  # of a running gateway on this machine
    metrics: str = ""  # address of its page of figures
    metrics_token: str = ""
    testers: int = 1  # processes that the callers are spread over
    pin: bool = False  # the gateway on the first core, all else on the others


@dataclass(frozen=True, slots=True)
class Stage:
    """So many calls for so long, and what it came to."""

    calls: int
    begin: float
    end: float
    summary: Summary
    used: Used
    faults: list[str]
    doubt: str = ""  # why the tester's own figures are not to be trusted

    @property
    def cpu_per_call(self) -> float | None:
        """Cores of the gateway for each call that was there, where they are known."""
        return None if self.used.cpu is None else self.used.cpu / (self.summary.calls or self.calls)


@dataclass(slots=True)
class Test:
    """A test as it goes."""

    wanted: Wanted
    figures: Figures
    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0
    costs: list[Cost] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    doing: str = "starting"
    calls: int = 0  # that are wanted now
    until: float = 0.0  # when this stage is over
    said: list[str] = field(default_factory=list)  # the gateway's last warnings
    unseen: str = ""  # why nothing is known of what the gateway costs
    cut: bool = False  # the time was over, or somebody stopped it
    changed: asyncio.Event = field(default_factory=asyncio.Event)  # a call began or ended

    def note(self, note: Note) -> None:
        """Take a note of one of the processes."""
        self.figures.push(note)
        if isinstance(note, CallBegan | CallEnded):
            self.changed.set()

    async def wait_while(self, so: Callable[[], bool], until: float) -> None:
        """Until that is not so any more, or it is so late."""
        with suppress(TimeoutError):
            async with asyncio.timeout(until - time.monotonic()):
                while so():
                    self.changed.clear()
                    await self.changed.wait()

    @property
    def missed_model(self) -> bool:
        """Whether the gateway's calls go elsewhere than to the model that is to answer them."""
        if self.wanted.target is None or self.wanted.model is None or self.figures.sessions:
            return False
        return bool(self.figures.counts["questions"].between(0.0, time.monotonic()))

    @property
    def holds(self) -> int:
        """The most calls that went well."""
        return max((one.calls for one in self.stages if not one.faults), default=0)


async def run(wanted: Wanted, watch: Callable[[Test], None] = lambda test: None) -> Test:
    """The whole test; `watch` is told each second how it goes. Raises TrunklineError.

    SIGTERM ends it as Ctrl-C does: what is known by then is given.
    """
    waves = clips.probe(wanted.speech)
    firsts = [clip.first for clip in clips.read(wanted.speech, pcm16(clips.PROBE_RATE))]
    test = Test(wanted, Figures(waves, firsts))
    async with AsyncExitStack() as stack:
        stack.enter_context(_told_to_end())
        crew = await _assemble(stack, wanted, test)
        await stack.enter_async_context(_looking(test, crew.watcher, watch))
        try:
            async with asyncio.timeout(wanted.minutes * 60):
                await (_find(test, crew) if wanted.find else _stage(test, crew, wanted.calls))
        except TimeoutError:
            test.cut = True
        except asyncio.CancelledError:  # Ctrl-C: what is known is shown
            test.cut = True
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
        test.doing, test.ended = "hanging up", time.monotonic()
        await crew.hold(0)
        await asyncio.sleep(QUIET)
        test.unseen = crew.watcher.silent if all(one.cpu is None for one in test.costs) else ""
        test.said = list(crew.gateway.said) if crew.gateway is not None else []
    return test


@contextmanager
def _told_to_end() -> Iterator[None]:
    """SIGTERM, by which systems that run tests cancel them, cancels this one."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


@dataclass(slots=True)
class _Crew:
    """The processes around the gateway, and how many calls each has been told to hold."""

    test: Test
    callers: list[processes.Child]
    watcher: Watcher
    gateway: processes.Gateway | None
    pid: int  # of the gateway, where it is on this machine
    ordered: list[int]

    async def hold(self, calls: int) -> None:
        """As many calls as that; returns when the last of them was answered or was not."""
        figures, before = self.test.figures, sum(self.ordered)
        settled = figures.placed + figures.refused + max(0, calls - before)
        for number, child in enumerate(self.callers):
            share = calls // len(self.callers) + (number < calls % len(self.callers))
            more, self.ordered[number] = share - self.ordered[number], share
            if more > 0:
                child.order(Order("grow", more, self.test.wanted.per_second / len(self.callers)))
            elif more < 0:
                child.order(Order("shrink", -more))
        longest = max(0, calls - before) / self.test.wanted.per_second + STUCK
        until = time.monotonic() + longest
        await self.test.wait_while(lambda: figures.placed + figures.refused < settled, until)


async def _assemble(stack: AsyncExitStack, wanted: Wanted, test: Test) -> _Crew:
    """Start whatever has to run."""
    mine, others = _cores(wanted.pin)
    model, gateway = "", None
    if wanted.model is not None:
        role = Model(wanted.script, *wanted.model)
        one = await stack.enter_async_context(processes.child(role, test.note, others))
        model = one.ready.result().address
    watcher: Watcher = Nobody()
    target = wanted.target
    if target is None:
        variables = {"TRUNKLINE_SERVER__MAX_CALLS": str(max(wanted.most, wanted.calls) + 1)}
        variables |= own_variables(wanted.protocol)
        gateway = await stack.enter_async_context(
            processes.gateway(
                model, variables, config=wanted.config, workers=wanted.workers, cores=mine
            )
        )
        target = own_target(wanted.protocol, gateway.address, gateway.token, gateway.audiosocket)
        page = Page(f"{gateway.address}/metrics")
        stack.push_async_callback(page.close)
        watcher = Processes(gateway.process.pid, page)
    elif wanted.pid:
        watcher = Processes(wanted.pid)
    elif wanted.metrics:
        page = Page(wanted.metrics, wanted.metrics_token)
        stack.push_async_callback(page.close)
        watcher = page
    speech = [str(path) for path in wanted.speech]
    callers = []
    for number in range(wanted.testers):
        part = Callers(
            target, speech, wanted.behaviour, f"callers {number + 1}", number, wanted.testers
        )
        one = await stack.enter_async_context(processes.child(part, test.note, others))
        callers.append(one)
    pid = gateway.process.pid if gateway is not None else wanted.pid
    return _Crew(test, callers, watcher, gateway, pid, [0] * len(callers))


async def _find(test: Test, crew: _Crew) -> None:
    """As many calls as go well."""
    search = Search(test.wanted.calls, test.wanted.most)
    while (calls := search.next()) is not None:
        stage = await _stage(test, crew, calls)
        search.tried(calls, not stage.faults)
        if stage.faults and not stage.summary.questions:
            return  # not even one call goes through: there is nothing to find
        if len(stage.faults) and stage.summary.failed:
            await crew.hold(0)  # some of them are gone: all begin anew
            await asyncio.sleep(SETTLE)


async def _stage(test: Test, crew: _Crew, calls: int) -> Stage:
    """So many calls, for as long as a stage is to last or until the last of them is gone."""
    wanted, figures = test.wanted, test.figures
    failed = sum(figures.failures.values())
    test.calls, test.doing = calls, f"{calls} calls are placed"
    begin = time.monotonic()
    neighbours = Neighbours(crew.pid) if crew.pid else None
    began = begin
    try:
        await crew.hold(calls)
        test.doing = f"{calls} calls talk"
        began = time.monotonic() + SETTLE
        test.until = began + wanted.seconds
        await test.wait_while(lambda: figures.live > 0, test.until)
    finally:  # cut short it counts as far as it went
        stage = _judged(test, calls, (begin, began), failed, neighbours)
        test.stages.append(stage)
    return stage


def _judged(
    test: Test, calls: int, times: tuple[float, float], failed: int, neighbours: Neighbours | None
) -> Stage:
    """What a stage that began then, and talked from then on, has come to by now."""
    wanted, figures = test.wanted, test.figures
    (begin, began), end = times, time.monotonic()
    summary = figures.summary(min(began, end), end)
    summary = replace(summary, failed=sum(figures.failures.values()) - failed)
    if wanted.model is not None:  # of another it is not known how long answers are
        whole = wanted.script.think + wanted.script.answer + LATE
        summary = replace(summary, missed=summary.missed + figures.unanswered(end - whole))
    found = faults(summary, wanted.limits, calls)
    if test.missed_model:
        found.append("no call reached the scripted model: of added latency nothing is known")
    cost = used(test.costs, min(began, end), end)
    others = neighbours.share() if neighbours is not None else 0.0
    doubt = tester_late(summary, wanted.limits) or crowded(others)
    return Stage(calls, begin, end, summary, cost, found, doubt)


@asynccontextmanager
async def _looking(
    test: Test, watcher: Watcher, watch: Callable[[Test], None]
) -> AsyncIterator[None]:
    """Every second the gateway's cost is noted, and whoever watches is told."""

    async def look() -> None:
        while True:
            test.costs.append(await watcher.look(time.monotonic()))
            watch(test)
            await asyncio.sleep(EACH)

    task = asyncio.create_task(look())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _cores(pin: bool) -> tuple[frozenset[int], frozenset[int]]:
    """The gateway's cores and those of all else; nothing where the system shall choose."""
    if not pin:
        return frozenset(), frozenset()
    if not hasattr(os, "sched_getaffinity") or len(ours := sorted(os.sched_getaffinity(0))) < 2:
        raise TrunklineError(
            "--pin wants a system that lets processes be pinned (Linux), and two cores or more; "
            "leave it out"
        )
    return frozenset(ours[:1]), frozenset(ours[1:])
