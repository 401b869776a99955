"""What 20 ms of a call cost: the core alone, a session with its taps and detector, and a replay."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from audio import wav
from audio.detection import detector
from audio.pcm import Framer, silence
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.effects import Effect
from gateway.call.events import Event
from gateway.call.machine import Call
from gateway.call.plan import Plan
from gateway.clock import VirtualClockLoop
from gateway.files import samples_dir
from gateway.replay import Replay
from gateway.session import Session, Tap
from gateway.taps.journal import Journal
from gateway.taps.metrics import Metrics

FRAMES = 3_000  # a minute
RATE = 24_000
SECOND = b"\x01\x00" * RATE


def minute(voiced: bool, speaking: bool) -> Callable[[], None]:
    """A minute of one call's frames, with the ticks that it asks for between them."""

    def run() -> None:
        call = Call(Plan())
        call.handle(on.CallerJoined(), 0)
        call.handle(on.AssistantReady(), 0)
        now = 0
        frame = silence(RATE // 50)
        for number in range(FRAMES):
            if speaking and number % 50 == 0:
                call.handle(on.AssistantAudio("r", "item", SECOND), now)
            until = now + 20_000
            while (deadline := call.deadline) is not None and deadline <= until:
                call.handle(on.Tick(), deadline)
            now = until
            call.handle(on.CallerAudio(frame, voiced), now)

    return run


def per_frame(work: Callable[[], None], frames: int = FRAMES, rounds: int = 5) -> float:
    """Median microseconds a frame."""
    costs = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        costs.append((time.process_time() - began) / frames * 1e6)
    return statistics.median(costs)


class Source:
    """A leg that feeds a recording as fast as it may."""

    def __init__(self, frames: list[bytes]) -> None:
        self._frames = frames

    async def run(self, feed: Callable[[Event], None]) -> None:
        feed(on.CallerJoined())
        for frame in self._frames:
            feed(on.CallerAudio(frame))
            await asyncio.sleep(0.02)
        feed(on.CallerLeft("over"))

    def send(self, effect: Effect) -> None:
        pass

    def close(self, reason: str) -> None:
        pass


class Model(Source):
    """A leg that answers each turn with two seconds of sound."""

    async def run(self, feed: Callable[[Event], None]) -> None:
        self._feed = feed
        self._over = asyncio.Event()
        feed(on.AssistantReady())
        await self._over.wait()

    def send(self, effect: Effect) -> None:
        if isinstance(effect, do.Respond):
            asyncio.get_running_loop().call_soon(self._answer)

    def hear(self, pcm: bytes) -> None:
        pass

    def _answer(self) -> None:
        self._feed(on.ResponseStarted("r"))
        self._feed(on.AssistantAudio("r", "item", SECOND * 2))
        self._feed(on.ResponseEnded("r", "completed"))

    def close(self, reason: str) -> None:
        self._over.set()


class NoTools:
    def begin(self, feed: Callable[[Event], None]) -> None: ...

    def see(self, event: Event) -> None: ...

    def prefetch(self, order: do.PrefetchTool) -> None: ...

    def cancel(self, call_id: str) -> None: ...

    def end(self) -> None: ...

    async def run(self, order: do.RunTool) -> on.ToolFinished:
        raise AssertionError("no tool is offered")


def speech() -> list[bytes]:
    """Human speech and as much silence, a minute in all."""
    pcm = b""
    for path in sorted((samples_dir() / "audio" / "human").glob("*.wav")):
        spoken = wav.read(path, rate=RATE)
        pcm += spoken + silence(len(spoken) // 2)
    frames = list(Framer(960).push(pcm))
    return (frames * (FRAMES // len(frames) + 1))[:FRAMES]


def session(frames: list[bytes], taps: Callable[[Plan], list[Tap]], second: bool) -> None:
    """One whole call on a virtual clock, with no socket."""
    plan = Plan()

    async def live() -> None:
        voice = detector(RATE, second_opinion=second)
        await Session(plan, Source(frames), Model([]), NoTools(), voice, taps(plan)).run()

    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        runner.run(live())


def main() -> None:
    for name, voiced, speaking in (
        ("quiet", False, False),
        ("caller speaks", True, False),
        ("assistant speaks", False, True),
    ):
        print(f"core, {name:17} {per_frame(minute(voiced, speaking)):7.1f} µs per 20 ms")
    frames = speech()
    metrics = Metrics()
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "call.jsonl"
        for name, taps, second in (
            ("webrtcvad, no taps", lambda plan: [], False),
            ("Silero too, no taps", lambda plan: [], True),
            ("Silero too, metrics", lambda plan: [metrics.tap(plan)], True),
            ("… and a journal", lambda plan: [metrics.tap(plan), Journal(journal, plan)], True),
        ):
            cost = per_frame(
                lambda taps=taps, second=second: session(frames, taps, second), rounds=3
            )
            print(f"session, {name:20} {cost:5.1f} µs per 20 ms")
        replay = Replay(journal)
        began = time.perf_counter()
        differences = len(list(replay.differences()))
        speed = replay.length / 1e6 / (time.perf_counter() - began)
        print(f"replay: {speed:.0f} times real time, {differences} differences (goal: 200)")


if __name__ == "__main__":
    main()
