"""Work beside: it runs while it is wanted, is over when that ends, and its faults are seen."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from gateway.background import beside, repeated

pytestmark = pytest.mark.virtual_clock


async def test_it_runs_while_it_is_wanted_and_is_over_afterwards() -> None:
    seen: list[str] = []

    async def work() -> None:
        try:
            while True:
                seen.append("at work")
                await asyncio.sleep(1)
        finally:
            await asyncio.sleep(1)  # it puts its things away
            seen.append("over")

    async with beside(work(), "work"):
        await asyncio.sleep(2.5)
        assert [task.get_name() for task in asyncio.all_tasks()].count("work") == 1
    assert seen == ["at work"] * 3 + ["over"]


async def test_work_that_loses_the_order_to_end_is_told_again() -> None:
    async def work() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(1_000)
        await asyncio.sleep(1_000)

    async with beside(work(), "work"):
        await asyncio.sleep(1)
    assert len(asyncio.all_tasks()) == 1


async def test_it_ends_with_an_owner_that_fails() -> None:
    async def work() -> None:
        await asyncio.sleep(1_000)

    async def owner() -> None:
        async with beside(work(), "work"):
            await asyncio.sleep(1)
            raise KeyError

    with pytest.raises(KeyError):
        await owner()
    assert len(asyncio.all_tasks()) == 1


async def test_what_it_raised_is_raised_at_the_end() -> None:
    async def work() -> None:
        raise ValueError("no room")

    with pytest.raises(ValueError, match="no room"):
        async with beside(work(), "work"):
            await asyncio.sleep(1)


async def test_what_is_repeated_comes_when_it_says_and_ends_with_its_owner() -> None:
    loop = asyncio.get_running_loop()
    began, seen = loop.time(), list[float]()

    def work() -> float:
        seen.append(round(loop.time() - began, 3))
        return float(len(seen))

    async with beside(repeated(work, 0.5), "work"):
        await asyncio.sleep(4)
    await asyncio.sleep(10)
    assert seen == [0.5, 1.5, 3.5]


async def test_a_fault_in_what_is_repeated_is_its_owners_to_see() -> None:
    def work() -> float:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await repeated(work, 0.5)
