"""A caller for measurements: speaks frames at their times over WS /browser, times what comes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psutil
import websockets

FRAME = 960  # bytes of 20 ms at 24 kHz
QUIET = bytes(FRAME)


@dataclass
class Line:
    """One open call."""

    socket: Any
    heard: list[tuple[float, int]] = field(default_factory=list)  # when, bytes of audio
    messages: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    async def listen(self) -> None:
        """Note what comes, and when."""
        async for message in self.socket:
            now = time.perf_counter()
            if isinstance(message, bytes):
                self.heard.append((now, len(message)))
            else:
                self.messages.append((now, json.loads(message)))

    async def speak(self, pcm: bytes, sent: list[float] | None = None) -> float:
        """Send audio in time; gives the moment at which it was over, and when each frame went."""
        began = time.perf_counter()
        for number, at in enumerate(range(0, len(pcm) - FRAME + 1, FRAME), start=1):
            if sent is not None:
                sent.append(time.perf_counter())
            await self.socket.send(pcm[at : at + FRAME])
            rest = began + number * 0.02 - time.perf_counter()
            if rest > 0:
                await asyncio.sleep(rest)
        return time.perf_counter()

    async def wait_quiet(self, limit: float = 20.0) -> None:
        """Be silent, as a microphone is, until the assistant has said all and listens."""
        until = time.perf_counter() + limit
        while time.perf_counter() < until:
            await self.speak(QUIET * 10)
            states = [m["state"] for _, m in self.messages if m["type"] == "state"]
            if states and states[-1] == "listening":
                return


@asynccontextmanager
async def call(address: str) -> AsyncIterator[Line]:
    """A call to a gateway at that http address."""
    async with websockets.connect(
        address.replace("http", "ws", 1) + "/browser", compression=None
    ) as socket:
        line = Line(socket)
        await socket.send(json.dumps({"type": "start", "reports": False}))
        ear = asyncio.create_task(line.listen())
        try:
            yield line
        finally:
            await socket.send(json.dumps({"type": "hangup"}))
            await asyncio.wait([ear], timeout=5)
            ear.cancel()


@contextmanager
def gateway(**variables: str) -> Iterator[tuple[str, psutil.Process]]:
    """A gateway in a process of its own: where it listens, and what it costs."""
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0"]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TRUNKLINE_LIMITS__LAG_MS": "0", **variables},  # it refuses no call
    )
    assert process.stderr is not None
    log = process.stderr
    try:
        for line in log:
            if found := re.search(r"http://\S+?(?=[\s\"',]|$)", line):
                break
        else:
            raise RuntimeError("the gateway did not start")
        # Read on, so that the gateway never waits for a reader of its log.
        reader = threading.Thread(target=deque, args=(log, 0))
        reader.start()
        yield found.group(), psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)
        reader.join()
        log.close()


def cpu_seconds(process: psutil.Process) -> float:
    """What a process has used so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def percentile(values: list[float], share: float) -> float:
    """The value below which that share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
