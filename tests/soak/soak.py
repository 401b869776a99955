"""A soak: many calls for a long time, with faults by chance; then what is left behind is counted.

    python -m tests.soak.soak --calls 50 --minutes 10 --seed 1

The gateway runs in a process of its own, which alone is measured; the model, the faults before it
and the callers run here. Ends with status 1 where anything was left behind or went wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import signal
import statistics
import sys
import tempfile
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from audio import wav
from gateway.embedded.faultplan import Chance, FaultPlan, Kind
from gateway.embedded.faultproxy import serve_faults
from gateway.embedded.server import Assistant
from gateway.embedded.server import serve as serve_embedded
from gateway.replay import Replay
from gateway.store.store import open_store
from tests.bench.faults import line
from tests.house import EchoEars, PlainMind, ToneMouth
from tests.process import GatewayProcess, gateway_process
from tests.soak.callers import Caller, Count

KEEPING = """
[taps]
journal = "journals"
transcripts = "transcripts"
[store]
url = "calls.db"
[recovery]
assistants = ["spare"]
[assistants.spare]
base_url = "{spare}"
[turns]
second_opinion = false
[limits]
lag_ms = 0
"""
KINDS: tuple[Kind, ...] = (
    *("drop", "expire", "half_open", "mute", "delay", "reorder", "duplicate", "corrupt"),
    *("unknown", "error", "rate_limit", "server_error", "late", "two_answers"),
)
EACH = 2.0  # seconds between two looks
BOOKS = "calls.db"
OVERFLOWS = "trunkline_overflows_total"
LEAST = 6  # minutes; memory is still being warmed up in a shorter run, and is not judged
STEEPEST = 1.0  # MB a minute
COLUMNS = (
    *("lines", "time", "calls", "events that go wrong", "sessions lost"),
    *("calls at once: p50, max", "loop lag: p50, max", "memory", "left behind or wrong"),
)
SETTLE = 45.0  # seconds in which the last calls must have ended: one may wait for its caller
LOOSE = 3  # tasks that may be other than at the beginning


@dataclass
class Figures:
    """What was measured of the gateway's process."""

    at: list[float] = field(default_factory=list)  # seconds
    rss: list[float] = field(default_factory=list)  # MB
    live: list[float] = field(default_factory=list)  # calls
    lag: list[float] = field(default_factory=list)  # milliseconds
    begun: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def slope(self) -> float:
        """MB a minute, after half of the time or three minutes: allocators take long to settle."""
        warm = min(180.0, self.at[-1] / 2)
        points = [(at / 60, rss) for at, rss in zip(self.at, self.rss, strict=True) if at > warm]
        return float(np.polyfit(*zip(*points, strict=True), 1)[0])


def look(gateway: GatewayProcess) -> dict[str, float]:
    """Tasks, calls, descriptors and sockets of the gateway."""
    with urllib.request.urlopen(f"{gateway.address}/metrics", timeout=30) as answer:
        lines = [line for line in answer.read().decode().splitlines() if line[0] != "#"]
    told = {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}
    process = psutil.Process(gateway.child.pid)
    return {
        "calls": told["trunkline_calls_live"],
        "overflows": sum(v for name, v in told.items() if name.startswith(OVERFLOWS)),
        "tasks": told["trunkline_tasks"],
        "lag_ms": told["trunkline_loop_lag_seconds"] * 1000,
        "lost_rows": told["trunkline_store_lost_rows_total"],
        "files": len(files := descriptors(gateway.child.pid)),
        "database": sum(BOOKS in name for name in files),
        "sockets": sum(one.status == "ESTABLISHED" for one in process.net_connections()),
        "threads": process.num_threads(),
    }


def descriptors(pid: int) -> list[str]:
    """What each open descriptor of a process leads to, where the system says so."""
    folder, names = Path(f"/proc/{pid}/fd"), list[str]()
    for entry in folder.iterdir() if folder.is_dir() else ():
        with suppress(OSError):  # closed in the meantime
            names.append(str(entry.readlink()))
    return names or [""] * psutil.Process(pid).num_fds()


async def watch(gateway: GatewayProcess, figures: Figures) -> None:
    """Measure until cancelled."""
    process, loop = psutil.Process(gateway.child.pid), asyncio.get_running_loop()
    began = loop.time()
    while True:
        await asyncio.sleep(EACH)
        figures.at.append(loop.time() - began)
        figures.rss.append(process.memory_info().rss / 1e6)
        now = await asyncio.to_thread(look, gateway)
        figures.live.append(now["calls"])
        figures.lag.append(now["lag_ms"])


async def read_log(gateway: GatewayProcess, seen: dict[str, int]) -> None:
    """Take what it says, so that it never waits for us; errors are kept."""
    assert gateway.child.stderr is not None
    while line := await gateway.child.stderr.readline():
        if b'"level": "error"' in line:
            text = line.decode()[:2000]
            seen[text] = seen.get(text, 0) + 1


async def settled(gateway: GatewayProcess) -> dict[str, float]:
    """How it is once no call is live any more, or it has taken too long."""
    now = await asyncio.to_thread(look, gateway)
    for _ in range(int(SETTLE)):
        if not now["calls"]:
            break
        await asyncio.sleep(1)
        now = await asyncio.to_thread(look, gateway)
    await asyncio.sleep(2)
    return await asyncio.to_thread(look, gateway)


async def check(folder: Path, figures: Figures) -> int:
    """Every journal replays, every call has an end; says how many calls there were."""
    journals = sorted((folder / "journals").iterdir())
    for path in journals:
        differences = await asyncio.to_thread(lambda path=path: list(Replay(path).differences()))
        figures.wrong += [f"{path.name}: {one}" for one in differences[:3]]
    figures.wrong += [f"left: {path.name}" for path in (folder / "transcripts").glob("*.part")]
    async with open_store(str(folder / "calls.db"), folder / "trunkline.spill") as store:
        for path in journals:
            call = await store.reading.call(path.name.partition(".")[0])
            if call is None or not call["ended_ms"] or not call["reason"]:
                figures.wrong.append(f"{path.name}: the store has no end of it: {call}")
    return len(journals)


async def soak(args: argparse.Namespace, folder: Path) -> int:
    """The whole of it; gives the status."""
    count, figures, errors = Count(), Figures(), dict[str, int]()
    speech = wav.read(args.speech, rate=24_000)
    plan = FaultPlan(random=Chance(args.share, args.seed, KINDS))
    assistant = Assistant(EchoEars(), PlainMind(), ToneMouth())
    async with (
        serve_embedded(assistant) as model,
        serve_faults(model.base_url, plan) as faulty,
        gateway_process(folder, faulty.base_url, KEEPING.format(spare=model.base_url)) as gateway,
    ):
        place = gateway.address.replace("http", "ws") + "/browser"
        reading = asyncio.create_task(read_log(gateway, errors))
        await Caller(place, speech, random.Random(0), Count()).run(_in(8))  # all is loaded by then
        figures.begun = await settled(gateway)
        watching = asyncio.create_task(watch(gateway, figures))
        until = _in(args.minutes * 60)
        rngs = [random.Random(args.seed * 1000 + number) for number in range(args.calls)]
        callers = [Caller(place, speech, rng, count) for rng in rngs]
        await asyncio.gather(*(caller.run(until) for caller in callers))
        watching.cancel()
        figures.ended = await settled(gateway)
        gateway.child.send_signal(signal.SIGTERM)
        if status := await gateway.child.wait():
            figures.wrong.append(f"the gateway ended with status {status}")
        await reading
    figures.wrong += [f"logged {times} times: {line}" for line, times in errors.items()]
    return report(args, count, figures, await check(folder, figures))


def _in(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


def report(args: argparse.Namespace, count: Count, figures: Figures, kept: int) -> int:
    """Print the figures; 1 where something is wrong."""
    slope, begun, ended = figures.slope(), figures.begun, figures.ended
    if args.minutes >= LEAST and slope >= STEEPEST:
        figures.wrong.append(f"memory grows by {slope:.2f} MB a minute")
    begun["other files"] = begun["files"] - begun["database"]  # of which a pool keeps some open
    ended["other files"] = ended["files"] - ended["database"]
    for name, loose in (("tasks", LOOSE), ("other files", 0), ("sockets", 0)):
        if ended[name] > begun[name] + loose:
            figures.wrong.append(f"{name}: {begun[name]:.0f} before, {ended[name]:.0f} after")
    if ended["calls"] or ended["lost_rows"]:
        figures.wrong.append(f"left behind: {ended}")
    say = sys.stdout.write
    say(f"{args.calls} lines, {args.minutes:g} minutes, seed {args.seed}, faults {args.share:g}\n")
    say(f"calls placed {count.calls}, kept {kept}, refused {count.refused}, ")
    say(f"came back {count.returned}, heard {count.heard / 48_000:.0f} s\n")
    say(f"ended {count.ended}\nnotices {count.notices}\nsockets that broke {count.broken}\n")
    say(f"memory {figures.rss[0]:.0f} MB at first, {max(figures.rss):.0f} MB at most, ")
    say(f"{figures.rss[-1]:.0f} MB at last; {slope:+.2f} MB a minute after warm-up\n")
    each = max(1, int(60 / EACH))
    say(f"memory by the minute: {' '.join(f'{one:.1f}' for one in figures.rss[::each])} MB\n")
    say(f"before {begun}\nafter  {ended}\n")
    say("".join(f"WRONG: {one}\n" for one in figures.wrong[:40]))
    say(f"\n{line(COLUMNS)}\n{line(['---'] * len(COLUMNS))}\n")
    say(f"{line(row(args, count, figures, kept))}\n\n")
    say("FAILED: see above\n" if figures.wrong else "PASSED: nothing is left behind\n")
    return 1 if figures.wrong else 0


def row(args: argparse.Namespace, count: Count, figures: Figures, kept: int) -> list[str]:
    """The soak as a line of docs/reliability.md."""
    lost = count.notices.get("assistant_away", 0)
    return [
        *(str(args.calls), f"{args.minutes:g} min", str(kept), f"{args.share:.0%}", str(lost)),
        f"{statistics.median(figures.live):.0f}, {max(figures.live):.0f}",
        f"{statistics.median(figures.lag):.0f} ms, {max(figures.lag):.0f} ms",
        f"{max(figures.rss):.0f} MB, {figures.slope():+.2f} MB a minute",
        "none" if not figures.wrong else f"{len(figures.wrong)} findings",
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    samples = Path(__file__).parents[2] / "samples" / "audio" / "human"
    parser.add_argument("--calls", type=int, default=50, help="lines at the same time")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=0.01, help="of the model's events go wrong")
    parser.add_argument("--speech", type=Path, default=next(iter(sorted(samples.iterdir()))))
    parser.add_argument("--folder", type=Path, help="where what is kept stays; else thrown away")
    args = parser.parse_args()
    for noisy in ("websockets.server", "uvicorn.error"):  # of the model here, which is cut off
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        if args.folder is not None:
            args.folder.mkdir(parents=True, exist_ok=True)
        return asyncio.run(soak(args, args.folder or Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
