"""A session with scripted legs: order, time, tools, taps, and what is left after cancelling."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from audio.format import pcm16
from audio.pcm import silence
from audio.vad import WebrtcDetector
from gateway.assistants.openai import open_leg
from gateway.assistants.target import Target
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.effects import Effect
from gateway.call.events import Event
from gateway.call.plan import IdlePolicy, Plan, ToolSpec
from gateway.embedded.server import Assistant, serve
from gateway.session import Session
from tests.house import EchoEars, PlainMind, ToneMouth

pytestmark = pytest.mark.virtual_clock


@dataclass
class ScriptedLeg:
    """Feeds events at their times (milliseconds), then stays until it is closed."""

    script: list[tuple[int, Event | bytes]] = field(default_factory=list)
    sent: list[tuple[int, Effect]] = field(default_factory=list)
    closed: str | None = None
    error: Exception | None = None

    def __post_init__(self) -> None:
        self._leave = asyncio.Event()

    async def run(self, feed: Callable[[Event | bytes], None]) -> None:
        loop = asyncio.get_running_loop()
        self.began = loop.time()
        for at, event in self.script:
            await asyncio.sleep(self.began + at / 1000 - loop.time())
            feed(event)
        if self.error is not None:
            raise self.error
        await self._leave.wait()

    def send(self, effect: Effect) -> None:
        now = asyncio.get_running_loop().time()
        self.sent.append((round((now - self.began) * 1000), effect))

    def hear(self, pcm: bytes) -> None:
        self.send(do.SendAudio(pcm))

    def close(self, reason: str) -> None:
        self.closed = reason
        self._leave.set()

    def all(self, kind: type[Any]) -> list[Any]:
        return [effect for _, effect in self.sent if isinstance(effect, kind)]


@dataclass
class Kit:
    """Tools that take their time."""

    seconds: float = 0.1
    begun: int = 0
    ended: int = 0
    hang_up: bool = False

    def begin(self, feed: Callable[[Event], None]) -> None:
        self.feed = feed

    def see(self, event: Event) -> None: ...

    def prefetch(self, order: do.PrefetchTool) -> None: ...

    def cancel(self, call_id: str) -> None: ...

    def end(self) -> None: ...

    async def run(self, order: do.RunTool) -> on.ToolFinished:
        self.begun += 1
        try:
            await asyncio.sleep(self.seconds)
            if self.hang_up:
                self.feed(on.HangUpOrdered("said goodbye"))
            return on.ToolFinished(order.call_id, "done")
        finally:
            self.ended += 1


class Loud:
    """A detector that calls any sound speech."""

    def voiced(self, frame: bytes) -> bool:
        return any(frame)


SPEECH = on.CallerAudio(b"\x10\x10" * 480)
QUIET = on.CallerAudio(silence(480))
JOIN = (0, on.CallerJoined())
READY = (0, on.AssistantReady())


def turn(begin: int, length: int = 600, pause: int = 400) -> list[tuple[int, on.CallerAudio]]:
    """Speech, and the silence after it, in frames."""
    frames = [(begin + at, SPEECH) for at in range(0, length, 20)]
    return frames + [(begin + length + at, QUIET) for at in range(0, pause, 20)]


def session(
    caller: ScriptedLeg, assistant: Any, kit: Kit | None = None, **changes: Any
) -> tuple[Session, list[Any]]:
    taps = changes.pop("taps", [])
    plan = replace(Plan(), **changes)
    return Session(plan, caller, assistant, kit or Kit(), Loud(), taps), taps


async def test_a_turn_of_the_caller_is_committed_at_its_time() -> None:
    caller = ScriptedLeg([JOIN, *turn(100), (2000, on.CallerLeft("hung up"))])
    assistant = ScriptedLeg([READY])
    reason = await session(caller, assistant)[0].run()
    assert reason == "hung up"
    (commit,) = [at for at, effect in assistant.sent if isinstance(effect, do.Commit)]
    assert commit == 100 + 600 - 20 + 360
    assert (caller.closed, assistant.closed) == ("hung up", "hung up")


async def test_sound_may_come_as_it_is_or_in_an_event() -> None:
    heard = []
    for bare in (False, True):
        said = [(at, event.pcm if bare else event) for at, event in turn(100)]
        assistant = ScriptedLeg([READY])
        caller = ScriptedLeg([JOIN, *said, (2000, on.CallerLeft("over"))])
        await session(caller, assistant)[0].run()
        heard.append(assistant.sent)
    assert heard[0] == heard[1]
    assert assistant.all(do.SendAudio)


async def test_frames_of_any_size_become_frames_of_20_ms() -> None:
    pieces = [(at, on.CallerAudio(b"\x10\x10" * 700)) for at in range(0, 600, 29)]
    caller = ScriptedLeg([JOIN, *pieces, *turn(700, 0), (1500, on.CallerLeft("over"))])
    assistant = ScriptedLeg([READY])
    await session(caller, assistant)[0].run()
    # What is sent at once, as the frames are that open the gate, goes in one piece.
    assert {len(e.pcm) % 960 for e in assistant.all(do.SendAudio)} == {0}


async def test_the_model_hears_each_frame_when_it_comes_and_taps_of_several_at_once() -> None:
    class Watcher:
        def __init__(self) -> None:
            self.seen: list[Any] = []

        def event(self, event: Event, now: int) -> None:
            self.seen.append(event)

        def effect(self, effect: Effect, now: int) -> None:
            self.seen.append(effect)

        def close(self) -> None: ...

    tap, caller = Watcher(), ScriptedLeg([JOIN, *turn(100), (2000, on.CallerLeft("over"))])
    assistant = ScriptedLeg([READY])
    await session(caller, assistant, taps=[tap])[0].run()
    sent = [at for at, effect in assistant.sent if isinstance(effect, do.SendAudio)]
    assert sent == list(range(140, 900, 20)), "what opens the gate, speech, and 200 ms after it"
    orders = [effect.pcm for effect in tap.seen if isinstance(effect, do.SendAudio)]
    assert b"".join(orders) == b"".join(order.pcm for order in assistant.all(do.SendAudio))
    heard = [event for event in tap.seen if isinstance(event, on.CallerAudio)]
    assert sum(len(event.pcm) for event in heard) == 960 * len(turn(100))
    assert max(len(event.pcm) // 960 for event in heard if event.voiced) > 5


async def test_a_tool_runs_beside_the_conversation_and_is_answered() -> None:
    call = on.ToolCall("call_1", "look", "{}")
    caller = ScriptedLeg([JOIN, *turn(0), (3000, on.CallerLeft("over"))])
    assistant = ScriptedLeg(
        [
            READY,
            (1100, on.ResponseStarted("r")),
            (1150, on.ResponseEnded("r", "completed", "", (call,))),
        ]
    )
    kit = Kit(seconds=0.5)
    await session(caller, assistant, kit)[0].run()
    outputs = [(at, e) for at, e in assistant.sent if isinstance(e, do.SendToolOutput)]
    assert outputs == [(1650, do.SendToolOutput("call_1", "done"))]


async def test_a_tool_that_hangs_up_lets_the_last_words_be_said() -> None:
    call = on.ToolCall("call_1", "hang_up", "{}")
    caller = ScriptedLeg([JOIN, *turn(0)])
    goodbye = on.AssistantAudio("r2", "item", b"\x01\x00" * 24_000)
    assistant = ScriptedLeg(
        [
            READY,
            (1100, on.ResponseStarted("r")),
            (1150, on.ResponseEnded("r", "completed", "", (call,))),
            (1300, on.ResponseStarted("r2")),
            (1350, goodbye),
            (1360, on.ResponseEnded("r2", "completed")),
        ]
    )
    reason = await session(caller, assistant, Kit(hang_up=True))[0].run()
    assert reason == "said goodbye"
    assert sum(len(e.pcm) for e in caller.all(do.Play)) == 48_000


async def test_a_caller_who_leaves_cancels_the_tools() -> None:
    call = on.ToolCall("call_1", "look", "{}")
    caller = ScriptedLeg([JOIN, *turn(0), (1200, on.CallerLeft("over"))])
    assistant = ScriptedLeg(
        [
            READY,
            (1100, on.ResponseStarted("r")),
            (1150, on.ResponseEnded("r", "completed", "", (call,))),
        ]
    )
    kit = Kit(seconds=60)
    await session(caller, assistant, kit)[0].run()
    assert (kit.begun, kit.ended) == (1, 1)
    assert asyncio.get_running_loop().time() < 5


@pytest.mark.parametrize("side", ["caller", "assistant"])
async def test_a_fault_of_a_leg_ends_the_call_and_not_the_server(side: str) -> None:
    broken = RuntimeError("a bug")
    caller = ScriptedLeg([JOIN], error=broken if side == "caller" else None)
    assistant = ScriptedLeg([READY], error=broken if side == "assistant" else None)
    reason = await session(caller, assistant)[0].run()
    assert "internal error: RuntimeError" in reason


async def test_a_leg_that_does_not_close_is_cut_off() -> None:
    class Stubborn(ScriptedLeg):
        def close(self, reason: str) -> None:
            self.closed = reason

    caller = ScriptedLeg([JOIN, (100, on.CallerLeft("over"))])
    await session(caller, Stubborn([READY]))[0].run()
    assert asyncio.get_running_loop().time() == pytest.approx(5.1, abs=0.2)


async def test_a_tap_that_fails_is_let_go_and_the_call_goes_on() -> None:
    class FullDisk:
        seen = 0
        closed = 0

        def event(self, event: Event, now: int) -> None:
            self.seen += 1
            raise OSError("No space left on device")

        def effect(self, effect: Effect, now: int) -> None:
            self.seen += 1

        def close(self) -> None:
            self.closed += 1

    tap = FullDisk()
    caller = ScriptedLeg([JOIN, *turn(0), (2000, on.CallerLeft("over"))])
    assistant = ScriptedLeg([READY])
    await session(caller, assistant, taps=[tap])[0].run()
    assert (tap.seen, tap.closed) == (1, 1)
    assert assistant.all(do.Commit)


async def test_an_hour_of_silence_costs_no_time_and_ends_when_it_should() -> None:
    caller = ScriptedLeg([JOIN])
    assistant = ScriptedLeg([READY])
    live, _ = session(caller, assistant, idle=IdlePolicy(after=3_600_000_000, limit=0))
    assert await live.run() == "idle"
    assert asyncio.get_running_loop().time() == pytest.approx(3600, abs=0.1)


async def test_three_hundred_random_cancellations_leave_nothing_behind() -> None:
    """The model's leg is the real one on a real socket; the fixture looks for sockets left open."""
    chance = random.Random(20_26)
    loop = asyncio.get_running_loop()
    tools = (ToolSpec("look", "Look it up.", {"type": "object", "properties": {}}),)
    kit = Kit(seconds=0.3)

    async def cancelled(target: Target) -> None:
        live = Session(
            replace(Plan(), tools=tools),
            ScriptedLeg([JOIN, *turn(0), *turn(1500)]),
            open_leg(target, pcm16(24_000)),
            kit,
            WebrtcDetector(24_000) if chance.random() < 0.1 else Loud(),
        )
        task = asyncio.create_task(live.run())
        await asyncio.sleep(chance.uniform(0, 3.5))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async with serve(Assistant(EchoEars(), PlainMind(call="look"), ToneMouth())) as model:
        target = Target(kind="embedded", base_url=model.base_url)
        before = asyncio.all_tasks()
        for _ in range(10):  # thirty at a time share the steps of the clock, which cost real time
            await asyncio.gather(*(cancelled(target) for _ in range(30)))
            await asyncio.sleep(3)  # the far end notices, too
            assert asyncio.all_tasks() <= before
        timers = [h for h in loop._scheduled if not h.cancelled()]  # type: ignore[attr-defined]
    assert kit.begun == kit.ended > 150
    assert len(timers) < 5, "timers of the server, not one for each call"
