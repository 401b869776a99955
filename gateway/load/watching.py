"""Watching: what a gateway costs while it is loaded, from the system or from its own `/metrics`."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import psutil
from httpx2 import AsyncClient, HTTPError

from gateway.errors import TrunklineError

SECONDS = 2.0  # that a page of figures may take
LINE = re.compile(r"^(trunkline_\w+)(?:\{[^}]*\})? ([0-9.eE+-]+|NaN)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a gateway holds and has used. Nothing where nobody says."""

    at: float
    cpu: float | None = None  # seconds of a core since its start
    memory: float | None = None  # bytes, all its processes
    lag: float | None = None  # seconds: the latest of its event loops


class Watcher(Protocol):
    """Looks at a gateway."""

    @property
    def silent(self) -> str:
        """Why nothing is known, if that is so."""
        ...

    async def look(self, now: float) -> Cost:
        """How it is doing; never raises."""
        ...


class Processes:
    """A gateway on this machine: a process and those that it began."""

    silent = ""

    def __init__(self, pid: int, page: Page | None = None) -> None:
        self._page = page
        try:
            self._root = psutil.Process(pid)
        except psutil.Error:
            raise TrunklineError(
                f"expected the id of the gateway's process, and this machine has none of id {pid}"
            ) from None
        self._used: dict[int, float] = {}  # also of those that have ended

    async def look(self, now: float) -> Cost:
        """From the system, but for what only the gateway itself knows."""
        memory = 0
        for process in self._all():
            try:
                times = process.cpu_times()
                memory += process.memory_info().rss
                self._used[process.pid] = times.user + times.system
            except psutil.Error:
                continue
        lag = (await self._page.look(now)).lag if self._page is not None else None
        return Cost(now, sum(self._used.values()), float(memory) if memory else None, lag)

    def _all(self) -> Iterable[psutil.Process]:
        try:
            return [self._root, *self._root.children(recursive=True)]
        except psutil.Error:
            return ()


class Neighbours:
    """What else the machine is busy with, beside this test and a gateway on it."""

    def __init__(self, gateway: int) -> None:
        self._gateway = gateway
        self._before = self._look()

    def share(self) -> float:
        """The share of the machine that others took since this was last asked."""
        (at, busy), self._before = self._before, self._look()
        span = (self._before[0] - at) * (psutil.cpu_count() or 1)
        return max(0.0, self._before[1] - busy) / span if span > 0 else 0.0

    def _look(self) -> tuple[float, float]:
        times = psutil.cpu_times()
        busy = sum(times) - times.idle - getattr(times, "iowait", 0.0)
        busy -= getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        return time.monotonic(), busy - sum(map(_used, _family(self._gateway)))


def _family(gateway: int) -> list[psutil.Process]:
    """The processes of this test, and the gateway's."""
    found: dict[int, psutil.Process] = {}
    for pid in (os.getpid(), gateway):
        with suppress(psutil.Error):
            root = psutil.Process(pid)
            found |= {one.pid: one for one in (root, *root.children(recursive=True))}
    return list(found.values())


def _used(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


class Page:
    """A gateway anywhere, by its page of figures for Prometheus."""

    def __init__(self, url: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._url = url
        self.silent = ""
        self._http = AsyncClient(timeout=SECONDS, trust_env=False, headers=headers)

    async def look(self, now: float) -> Cost:
        """What the page says of it."""
        try:
            answer = await self._http.get(self._url)
        except HTTPError as error:
            return self._nothing(now, str(error) or type(error).__name__)
        if not answer.is_success:
            return self._nothing(now, f"it was answered with {answer.status_code}")
        found = {name: float(value) for name, value in LINE.findall(answer.text)}
        if not found:
            return self._nothing(now, "it has none of a gateway's figures")
        self.silent = ""
        return Cost(
            now,
            found.get("trunkline_cpu_seconds_total"),
            found.get("trunkline_resident_bytes"),
            found.get("trunkline_loop_lag_seconds"),
        )

    def _nothing(self, now: float, why: str) -> Cost:
        self.silent = f"of CPU and memory nothing is known: {self._url}: {why}"
        return Cost(now)

    async def close(self) -> None:
        """Look no more."""
        await self._http.aclose()


class Nobody:
    """Nothing is known of what it costs, and nobody wanted to know."""

    silent = ""

    async def look(self, now: float) -> Cost:
        """Nothing."""
        return Cost(now)


@dataclass(frozen=True, slots=True)
class Used:
    """What a gateway used over a stretch of time."""

    cpu: float | None  # cores
    memory: float | None  # bytes, the most
    lag: float | None  # seconds, the most


def used(costs: Iterable[Cost], begin: float, end: float) -> Used:
    """Between these two moments."""
    within = [cost for cost in costs if begin <= cost.at <= end]
    ticks = [(cost.at, cost.cpu) for cost in within if cost.cpu is not None]
    cpu = None
    if len(ticks) > 1 and ticks[-1][0] > ticks[0][0]:
        cpu = (ticks[-1][1] - ticks[0][1]) / (ticks[-1][0] - ticks[0][0])
    memory = max((cost.memory for cost in within if cost.memory is not None), default=None)
    return Used(
        cpu, memory, max((cost.lag for cost in within if cost.lag is not None), default=None)
    )
