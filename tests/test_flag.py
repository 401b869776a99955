"""Flags: what asyncio's events do, for those who wait and for those who give up."""

from __future__ import annotations

import asyncio

import pytest

from gateway.flag import Flag


async def test_whoever_waits_goes_on_when_it_is_set() -> None:
    flag = Flag()
    waiting = [asyncio.create_task(flag.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(one.done() for one in waiting)
    flag.set()
    await asyncio.gather(*waiting)
    assert flag.is_set()


async def test_one_that_is_set_is_not_waited_for() -> None:
    flag = Flag(is_set=True)
    await flag.wait()
    flag.clear()
    waiting = asyncio.create_task(flag.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    flag.set()
    await waiting


async def test_whoever_was_woken_goes_on_though_it_is_cleared_at_once() -> None:
    flag = Flag()
    waiting = asyncio.create_task(flag.wait())
    await asyncio.sleep(0)
    flag.set()
    flag.clear()
    await waiting
    assert not flag.is_set()


async def test_one_that_gives_up_leaves_the_others_waiting() -> None:
    flag = Flag()
    patient, hasty = (asyncio.create_task(flag.wait()) for _ in range(2))
    await asyncio.sleep(0)
    hasty.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hasty
    assert not patient.done()
    flag.set()
    flag.set()
    await patient
