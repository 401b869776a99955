"""Aside: work that waits for the disk, in a thread that ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def aside(work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """What the work gives, or raises; a cancellation lets it finish."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="aside")
    try:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, lambda: work(*args, **named))
    finally:
        pool.shutdown(wait=False)
