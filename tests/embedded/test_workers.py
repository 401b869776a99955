"""The workers: who goes first, who makes room, and that nothing is left when they close."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.embedded.hearing import MoonshineEars
from gateway.embedded.workers import Job, Rank, Stop
from gateway.errors import AssistantError


class Gate:
    """A model that works on until it is let go, or told to stop."""

    def __init__(self) -> None:
        self.began: list[bytes] = []
        self.stopped: list[bytes] = []
        self.go = threading.Event()

    def __call__(self, pcm: bytes, stop: Stop) -> str:
        self.began.append(pcm)
        while not self.go.wait(0.001):
            if stop():
                self.stopped.append(pcm)
                return ""
        return pcm.decode()


def begin(ears: MoonshineEars, name: bytes, rank: Rank = Rank.FINAL) -> Job:
    job = ears.start(name, rank)
    assert job is not None
    return job


async def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
async def one(gate: Gate) -> AsyncIterator[MoonshineEars]:
    ears = MoonshineEars(gate, workers=1, waiting=3)
    yield ears
    gate.go.set()
    await ears.close()


async def test_the_most_urgent_goes_first(one: MoonshineEars, gate: Gate) -> None:
    jobs = [
        begin(one, b"first"),
        begin(one, b"hope", Rank.EARLY),
        begin(one, b"other hope", Rank.EARLY),
        begin(one, b"final"),
    ]
    jobs[2].hurry()
    gate.go.set()
    assert [await job.future for job in jobs] == ["first", "hope", "other hope", "final"]
    assert gate.began == [b"first", b"other hope", b"final", b"hope"]


async def test_a_final_takes_the_place_of_a_partial(one: MoonshineEars, gate: Gate) -> None:
    partial = begin(one, b"partial", Rank.PARTIAL)
    await wait_until(lambda: gate.began == [b"partial"])
    final = begin(one, b"final")
    await wait_until(lambda: gate.began == [b"partial", b"final"])
    assert gate.stopped == [b"partial"]
    assert partial.future.cancelled()
    gate.go.set()
    assert await final.future == "final"


async def test_a_partial_is_skipped_where_others_work(one: MoonshineEars) -> None:
    begin(one, b"final")
    assert one.start(b"partial", Rank.PARTIAL) is None


async def test_one_of_two_workers_is_kept_free_of_partials(gate: Gate) -> None:
    ears = MoonshineEars(gate, workers=2)
    begin(ears, b"partial", Rank.PARTIAL)
    assert ears.start(b"another", Rank.PARTIAL) is None
    begin(ears, b"final")
    await wait_until(lambda: set(gate.began) == {b"partial", b"final"})
    assert gate.stopped == []
    gate.go.set()
    await ears.close()


async def test_a_full_queue_refuses_and_says_why(one: MoonshineEars) -> None:
    for name in (b"running", b"1", b"2", b"3"):
        begin(one, name)
    assert one.start(b"hope", Rank.EARLY) is None
    with pytest.raises(AssistantError, match="3 utterances wait, at most 3 may"):
        await one.transcribe(b"4")


async def test_who_is_cancelled_leaves_the_queue(one: MoonshineEars, gate: Gate) -> None:
    running = asyncio.create_task(one.transcribe(b"running"))
    waiting = asyncio.create_task(one.transcribe(b"waiting"))
    await wait_until(lambda: gate.began == [b"running"])
    waiting.cancel()
    running.cancel()
    await asyncio.wait([running, waiting])
    await wait_until(lambda: gate.stopped == [b"running"])
    gate.go.set()
    assert await one.transcribe(b"next") == "next"
    assert gate.began == [b"running", b"next"]


async def test_closing_ends_everything_at_once(gate: Gate) -> None:
    before = threading.active_count()
    ears = MoonshineEars(gate, workers=1)
    running, waiting = begin(ears, b"running"), begin(ears, b"waiting")
    await ears.close()
    for job in (running, waiting):
        with pytest.raises(AssistantError, match="closed"):
            await job.future
    with pytest.raises(AssistantError, match="closed"):
        await ears.transcribe(b"late")
    assert threading.active_count() == before
