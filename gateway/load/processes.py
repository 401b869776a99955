"""Processes of a load test: the scripted model, the callers, and the gateway where it is ours."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from gateway.errors import TrunklineError
from gateway.load.child import Callers, Model, Order
from gateway.load.notes import Note, Ready, Unpacker

STARTS = 60.0  # seconds that a process may take to begin: speech models are loaded in some
STOPS = 30.0
HOME = Path(__file__).resolve().parents[2]
SERVE = (
    "import sys; sys.path.insert(0, {!r}); from gateway.load.tied import tie; tie();"
    " from gateway.cli import main; sys.exit(main())"
)
BLOCK = 1 << 16


class ProcessError(TrunklineError):
    """A process of the load test did not begin."""


@dataclass(slots=True)
class Child:
    """A process that takes orders and gives notes."""

    process: Process
    ready: asyncio.Future[Ready]

    def order(self, order: Order) -> None:
        """Tell it what to do next."""
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(order) + b"\n")


@asynccontextmanager
async def child(
    role: Model | Callers, tell: Callable[[Note], None], cores: frozenset[int] = frozenset()
) -> AsyncIterator[Child]:
    """A process in that role, ready; every note of it goes to `tell`. Raises ProcessError."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c"),
        f"import sys; sys.path.insert(0, {str(HOME)!r}); from gateway.load.child import run; run()",
        stdin=PIPE,
        stdout=PIPE,
        start_new_session=True,  # Ctrl-C is for the parent, who ends it in good order
    )
    _pin(process, cores)
    assert process.stdin is not None
    one = Child(process, asyncio.get_running_loop().create_future())
    reading = asyncio.create_task(_read(one, tell))
    try:
        process.stdin.write(msgspec.json.encode(role) + b"\n")
        try:
            async with asyncio.timeout(STARTS):
                await one.ready
        except TimeoutError:
            raise ProcessError(f"a process of the load test did not begin: {role}") from None
        yield one
    finally:
        with suppress(ConnectionError):
            process.stdin.close()
        await _end(process)
        await reading
        if one.ready.done() and not one.ready.cancelled():
            one.ready.exception()


async def _read(one: Child, tell: Callable[[Note], None]) -> None:
    assert one.process.stdout is not None
    notes = Unpacker()
    while data := await one.process.stdout.read(BLOCK):
        for note in notes.push(data):
            if isinstance(note, Ready) and not one.ready.done():
                one.ready.set_result(note)
            else:
                tell(note)
    if not one.ready.done():
        why = "a process of the load test ended at once; what it said stands above"
        one.ready.set_exception(ProcessError(why))


@dataclass(slots=True)
class Gateway:
    """A gateway of our own. `said`: its last warnings and errors."""

    process: Process
    address: str
    token: str  # of its Twilio bridge
    audiosocket: str = ""  # where that listens, if it does
    ready: asyncio.Event = field(default_factory=asyncio.Event)  # or over
    said: deque[str] = field(default_factory=lambda: deque(maxlen=20))


@asynccontextmanager
async def gateway(
    model: str,
    variables: Mapping[str, str],
    *,
    config: Path | None = None,
    workers: int = 1,
    cores: frozenset[int] = frozenset(),
) -> AsyncIterator[Gateway]:
    """A gateway on a free port of the loopback, with that model. Raises ProcessError."""
    token = secrets.token_hex(8)
    command = ["serve", "--port", "0"]
    command += ["--config", str(config)] if config is not None else []
    command += ["--workers", str(workers)] if workers > 1 else []
    with tempfile.TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", SERVE.format(str(HOME)), *command),
            cwd=config.parent if config is not None else folder,
            env={**os.environ, **_told(model, token), **variables},
            stdin=PIPE,  # which ends with us, and it ends with that
            stderr=PIPE,
            start_new_session=True,
        )
        _pin(process, cores)
        one = Gateway(process, "", token)
        reading = asyncio.create_task(_read_log(one))
        try:
            async with asyncio.timeout(STARTS):
                await one.ready.wait()
            if not one.address:
                raise ProcessError("the gateway did not start: " + "; ".join(one.said))
            yield one
        except TimeoutError:
            raise ProcessError(
                "the gateway did not start in time: " + "; ".join(one.said)
            ) from None
        finally:
            if process.returncode is None:
                process.terminate()
            await _end(process)
            await reading


def _told(model: str, token: str) -> dict[str, str]:
    """What a gateway of our own is told beside its settings."""
    return {
        "TRUNKLINE_ASSISTANT__KIND": "openai",
        "TRUNKLINE_ASSISTANT__BASE_URL": model,
        "TRUNKLINE_ASSISTANT__API_KEY": "load",
        "TRUNKLINE_SERVER__HOST": "127.0.0.1",
        "TRUNKLINE_LOG__FORMAT": "json",
        "TRUNKLINE_BRIDGES__TWILIO__ENABLED": "true",
        "TRUNKLINE_BRIDGES__TWILIO__AUTH_TOKEN": token,
    }


async def _read_log(one: Gateway) -> None:
    """Read on, so that the gateway never waits for a reader of its log."""
    assert one.process.stderr is not None
    while line := await one.process.stderr.readline():
        try:
            said = json.loads(line)
        except ValueError:
            one.said.append(line.decode(errors="replace").strip()[:300])
            continue
        if said.get("message") == "ready":
            one.address = said["address"]
            one.ready.set()
        elif said.get("message") == "AudioSocket listens":
            one.audiosocket = said["address"]
        elif said.get("level") in ("warning", "error"):
            what, _, why = str(said.get("exception", "")).rpartition("\n")
            words = " ".join(str(said.get("message")).split())[:200]
            one.said.append(f"{words} ({why})" if what else words)
    one.ready.set()


async def _end(process: Process) -> None:
    try:
        async with asyncio.timeout(STOPS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _pin(process: Process, cores: frozenset[int]) -> None:
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, cores)
