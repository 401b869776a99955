"""The event loop that processes which carry calls run on, and what is done once they have begun."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

from gateway import interrupts

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, on a loop in C. Raises CancelledError where the work cancels itself."""
    interrupts.end_well()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def hurry() -> None:
    """Look for no garbage from here on: what a start makes stays, and hundreds of looks through it
    would take a tenth of the time until the first call. Until the loop runs, Ctrl-C ends at once.
    """
    gc.disable()
    interrupts.end_at_once()


def settle() -> None:
    """What is there from the start stays, and need not be looked through; what comes, is again."""
    gc.freeze()
    gc.enable()
