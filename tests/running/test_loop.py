"""The loop of processes that carry calls: in C, and with little to look through for garbage."""

from __future__ import annotations

import asyncio
import gc

import uvloop

from gateway.running import loop


def test_work_runs_on_the_loop_in_c_and_gives_its_result() -> None:
    async def work() -> type[asyncio.AbstractEventLoop]:
        return type(asyncio.get_running_loop())

    assert loop.run(work()) is uvloop.Loop


def test_what_is_there_from_the_start_is_not_looked_through_again() -> None:
    before = gc.get_freeze_count()
    try:
        loop.settle()
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
