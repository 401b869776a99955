"""A call outlives the lines of its caller."""

from __future__ import annotations

import asyncio

import pytest

from gateway.call.effects import Flush, Play, ShowNotice, ToCaller
from gateway.call.events import CallerDigit, CallerJoined, CallerLeft, CallerOrdered, Event
from gateway.callers.patient import BROKEN, Feed, PatientLeg

NOTICE = ShowNotice("code", "said while nobody was there")
STOP = CallerOrdered("flush")  # what is being said reaches nobody
JOINED = CallerJoined("alice")


class OneLine:
    """A line whose end the test decides."""

    def __init__(self) -> None:
        self.feed: Feed | None = None
        self.sent: list[ToCaller] = []
        self.closed = ""
        self.ended = False
        self._over = asyncio.Event()

    async def run(self, feed: Feed) -> None:
        self.feed = feed
        try:
            await self._over.wait()
        finally:
            self.ended = True

    def send(self, effect: ToCaller) -> None:
        self.sent.append(effect)

    def close(self, reason: str) -> None:
        self.closed = reason
        self._over.set()

    def say(self, event: Event) -> None:
        assert self.feed is not None
        self.feed(event)
        if isinstance(event, CallerLeft):
            self._over.set()


async def begin(line: OneLine, seconds: float = 30) -> tuple[PatientLeg, list[Event], asyncio.Task]:  # type: ignore[type-arg]
    leg, events = PatientLeg(line, seconds), list[Event]()
    task = asyncio.create_task(leg.run(events.append))
    await asyncio.sleep(0.1)
    return leg, events, task


@pytest.mark.virtual_clock
async def test_a_caller_comes_back_and_is_told_what_was_said_meanwhile() -> None:
    first, second = OneLine(), OneLine()
    leg, events, task = await begin(first)
    first.say(JOINED)
    first.say(CallerLeft(BROKEN))
    await asyncio.sleep(20)
    leg.send(Play("item", b"\0\0", 0, 0))
    leg.send(Flush(1))
    leg.send(NOTICE)
    leg.attach(second)
    await asyncio.sleep(0.1)
    second.say(JOINED)
    second.say(CallerDigit("5"))
    leg.send(Flush(2))
    second.say(CallerLeft("hung up"))
    await task
    assert first.sent == []
    assert second.sent == [NOTICE, Flush(2)]
    assert events == [JOINED, STOP, CallerDigit("5"), CallerLeft("hung up")]


@pytest.mark.virtual_clock
async def test_a_caller_who_stays_away_has_left() -> None:
    line = OneLine()
    leg, events, task = await begin(line)
    line.say(CallerLeft(BROKEN))
    await asyncio.sleep(29)
    assert not task.done()
    await asyncio.sleep(2)
    assert task.done()
    assert leg.over
    assert events == [CallerLeft(BROKEN)]


@pytest.mark.virtual_clock
async def test_who_hangs_up_is_not_waited_for() -> None:
    line = OneLine()
    _, events, task = await begin(line)
    line.say(CallerLeft("hung up"))
    await task
    assert events == [CallerLeft("hung up")]


@pytest.mark.virtual_clock
async def test_another_line_takes_the_place_of_one_that_still_lives() -> None:
    first, second = OneLine(), OneLine()
    leg, events, task = await begin(first)
    first.say(JOINED)
    leg.attach(second)
    first.say(CallerDigit("1"))
    first.say(CallerLeft("hung up"))
    await asyncio.sleep(0.1)
    assert first.ended
    second.say(JOINED)
    leg.close("the end")
    await task
    assert second.closed == "the end"
    assert events == [JOINED]


@pytest.mark.virtual_clock
async def test_a_call_that_ends_while_nobody_is_there_does_not_wait() -> None:
    line = OneLine()
    leg, events, task = await begin(line)
    line.say(CallerLeft(BROKEN))
    await asyncio.sleep(1)
    leg.close("shutting down")
    await task
    assert events == []


@pytest.mark.virtual_clock
async def test_lines_that_come_too_late_or_too_many_are_closed() -> None:
    first, second, third = OneLine(), OneLine(), OneLine()
    leg, _, task = await begin(first)
    leg.attach(second)
    leg.attach(third)
    await asyncio.sleep(0.1)
    assert second.ended
    assert not third.ended
    fourth = OneLine()
    leg.attach(fourth)
    leg.close("the end")
    await task
    assert third.ended
    assert fourth.ended


@pytest.mark.virtual_clock
async def test_a_leg_without_patience_passes_on_what_it_hears() -> None:
    line = OneLine()
    _, events, task = await begin(line, seconds=0)
    line.say(JOINED)
    line.say(CallerLeft(BROKEN))
    await task
    assert events == [JOINED, CallerLeft(BROKEN)]
