"""What a tool call costs beside the tool: until it starts, and until its result is spoken of.

A hundred calls run at once in real time: each hears a frame every 20 ms, through the voice
detector, and its model calls a tool again and again, over a toolbox with all its guards. Each time
is taken twice: by the clock, and as this thread's own work, which leaves out what other programs
on the machine took in between.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from audio.detection import detector
from audio.pcm import silence
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.events import Event
from gateway.call.plan import Plan, ToolPolicy
from gateway.session import Session
from gateway.toolbelt.runner import ToolRunner, specs
from tools import Toolbox, ToolContext, tool

CALLS = 100
SECONDS = 10.0
PAUSE = 0.5  # between two tool calls of a call
WORK = 0.05  # seconds that the tool takes
RATE = 24_000
FRAME = silence(RATE // 50)


Moment = tuple[float, float]  # by the clock, and of this thread's work


def now() -> Moment:
    """This moment."""
    return time.perf_counter(), time.thread_time()


def since(began: Moment) -> Moment:
    """How long it is since that moment."""
    clock, work = now()
    return clock - began[0], work - began[1]


@dataclass
class Times:
    """Seconds: of each tool call, from its complete arguments on, and from its result on."""

    asked: dict[str, Moment] = field(default_factory=dict)
    returned: dict[str, Moment] = field(default_factory=dict)
    to_start: list[Moment] = field(default_factory=list)
    to_answer: list[Moment] = field(default_factory=list)


class Caller:
    """A leg that sends a frame of silence every 20 ms until it is closed."""

    def __init__(self, first: float) -> None:
        self._first = first
        self._open = True

    async def run(self, feed: Callable[[Event], None]) -> None:
        feed(on.CallerJoined())
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._first)
        due = loop.time()
        while self._open:
            feed(on.CallerAudio(FRAME))
            due += 0.02
            await asyncio.sleep(due - loop.time())

    def send(self, effect: do.ToCaller) -> None: ...

    def close(self, reason: str) -> None:
        self._open = False


class Model:
    """A leg whose model answers every request with one call of a tool, a little later."""

    def __init__(self, name: str, times: Times) -> None:
        self._name = name
        self._times = times
        self._over = asyncio.Event()
        self._made = 0

    async def run(self, feed: Callable[[Event], None]) -> None:
        self._feed = feed
        feed(on.AssistantReady())
        feed(on.CallerText("go on"))
        await self._over.wait()

    def send(self, effect: do.ToAssistant) -> None:
        if isinstance(effect, do.Respond):
            began = self._times.returned.pop(f"{self._name}:{self._name}_{self._made}", None)
            if began is not None:
                self._times.to_answer.append(since(began))
            asyncio.get_running_loop().call_later(PAUSE, self._answer)

    def hear(self, pcm: bytes) -> None: ...

    def _answer(self) -> None:
        self._made += 1
        call_id = f"{self._name}_{self._made}"
        self._feed(on.ResponseStarted(call_id))
        made = on.ToolCall(call_id, "look_up", f'{{"order": "{self._made}"}}')
        self._times.asked[f"{self._name}:{call_id}"] = now()
        self._feed(on.ResponseEnded(call_id, "completed", calls=(made,)))

    def close(self, reason: str) -> None:
        self._over.set()


async def measure() -> Times:
    """All calls at once."""
    times = Times()

    @tool
    async def look_up(order: str, context: ToolContext) -> dict[str, str]:
        """Look up an order."""
        times.to_start.append(since(times.asked.pop(context.key)))
        await asyncio.sleep(WORK)
        times.returned[context.key] = now()
        return {"order": order, "status": "on its way"}

    toolbox = Toolbox([look_up])
    sessions = []
    for number in range(CALLS):
        name = f"call_{number}"
        policy = ToolPolicy(rounds=1_000_000)
        plan = Plan(call_id=name, rate=RATE, tools=specs(toolbox), tooling=policy)
        caller = Caller(0.02 * number / CALLS)
        heard = detector(RATE, second_opinion=False)
        runner = ToolRunner(toolbox, plan)
        sessions.append(Session(plan, caller, Model(name, times), runner, heard))
    async with asyncio.TaskGroup() as group:
        for session in sessions:
            group.create_task(session.run())
            await asyncio.sleep(PAUSE / CALLS)
        times.to_start.clear()
        times.to_answer.clear()
        await asyncio.sleep(SECONDS)
        for session in sessions:
            session.feed(on.HangUpOrdered("measured", when_quiet=False))
    return times


def show(what: str, times: list[Moment]) -> None:
    """The median, the 99th of a hundred, and the worst."""
    for kind, seconds in zip(
        ("by the clock", "of its own work"), zip(*times, strict=True), strict=True
    ):
        cuts = statistics.quantiles(seconds, n=100)
        figures = {"p50": cuts[49], "p99": cuts[98], "max": max(seconds)}
        told = "  ".join(f"{name} {1000 * one:6.2f} ms" for name, one in figures.items())
        print(f"{what:36} {kind:16} {told}  ({len(times)} calls)")


def main() -> None:
    """Print the figures."""
    gc.collect()
    gc.freeze()  # what was imported is not gone through again while it is measured
    began = time.process_time()
    times = asyncio.run(measure())
    busy = (time.process_time() - began) / (SECONDS + PAUSE)
    print(f"{CALLS} calls at once, {busy:.0%} of a core")
    show("arguments complete to tool started", times.to_start)
    show("result to response.create", times.to_answer)


if __name__ == "__main__":
    main()
