"""For all tests: loops on a virtual clock where asked for, and nothing left behind by any test."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import logging
import os
import re
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import HealthCheck, settings

from gateway.clock import VirtualClockLoop

# The same examples on every machine, and no verdict that hangs on how busy it is.
settings.register_profile(
    "trunkline", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("trunkline")

# Whoever starts the tests in the background of a script has Ctrl-C ignored, also by the programs
# that tests start, and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

LAST_WORDS = 2.0  # seconds of the loop's time in which tasks that were told to end may do so
DESCRIPTORS = Path("/proc/self/fd")
SLOW_PART = "models or browser"  # as requirements/test asks for it
SLOW_MARKS = re.compile(r"\bmark\.(models|browser)\b")
UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.access")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    del config
    if item.get_closest_marker("virtual_clock"):
        return {"virtual": VirtualClockLoop}
    if item.get_closest_marker("served_loop"):
        return {"uvloop": uvloop.new_event_loop}
    return {"real": asyncio.new_event_loop}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where few files have the marks that are asked for, do not import all the others."""
    if config.option.markexpr != SLOW_PART or not collection_path.match("test_*.py"):
        return None
    return True if SLOW_MARKS.search(collection_path.read_text(encoding="utf-8")) is None else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with long tests come first, so that none of them is still at it when all is done."""
    long = {item.path for item in items if item.get_closest_marker("long")}
    items.sort(key=lambda item: item.path not in long)


def pytest_itemcollected(item: pytest.Item) -> None:
    test = getattr(item, "obj", None)
    if inspect.iscoroutinefunction(test) and not hasattr(test, "hypothesis"):
        item.obj = _leaving_no_task(test)  # type: ignore[attr-defined]


def _leaving_no_task(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def watched(*args: Any, **kwargs: Any) -> None:
        before = asyncio.all_tasks()
        await test(*args, **kwargs)
        if left := asyncio.all_tasks() - before:
            _, left = await asyncio.wait(left, timeout=LAST_WORDS)
        if left:
            pytest.fail("tasks left running: " + "; ".join(sorted(map(repr, left))), pytrace=False)

    return watched


@pytest.fixture(autouse=True)
def _logs_stay_as_they_were() -> Iterator[None]:
    """A command that is run within a test sets up the log of the whole process."""
    loggers = [logging.getLogger(), *map(logging.getLogger, UVICORN)]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.fixture(autouse=True)
def _nothing_is_left_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a socket or a thread behind."""
    threads, sockets = set(threading.enumerate()), _sockets()
    yield
    if _sockets() - sockets:
        gc.collect()  # what lies in a cycle is closed by this, and warns of itself
    left: list[object] = sorted(_sockets() - sockets)
    if not request.node.get_closest_marker("models"):  # those share their workers
        left += _lasting(set(threading.enumerate()) - threads)
    if left:
        pytest.fail(f"left open: {', '.join(map(str, left))}", pytrace=False)


def _lasting(threads: set[threading.Thread]) -> list[threading.Thread]:
    for thread in threads:
        if not thread.daemon:
            thread.join(LAST_WORDS)
    return [thread for thread in threads if thread.is_alive() and not thread.daemon]


def _sockets() -> set[str]:
    """This process's open sockets, where the system lists them."""
    found = set()
    for descriptor in DESCRIPTORS.iterdir() if DESCRIPTORS.is_dir() else ():
        try:
            target = os.readlink(descriptor)
        except OSError:
            continue  # the one by which the folder is being read
        if target.startswith("socket:"):
            found.add(target)
    return found
