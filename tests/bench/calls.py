"""What a call costs, beside a relay that looks into nothing.

    python -m tests.bench.calls [--way twilio] [--calls 40] [--seconds 20] [--only gateway floor]

Three processes: scripted callers, the gateway with everything switched on, a scripted model. The
same callers call the floor, and the projects of tests/bench/others where --only names them. Whoever
is measured has a core to itself; callers and model share the other. Shares of one core, by the
scheduler's count of the process in question; the subjects take turns, so that a busy machine is
busy for all.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.others.subjects import OTHERS, Subject
from tests.bench.wire.figures import cpu, memory, percentile
from tests.bench.wire.places import Place, callers, free_port, place
from tests.bench.wire.script import CYCLE, INTERRUPTS_AT, expected, said
from tests.bench.wire.ways import WAYS

ROOT = Path(__file__).parents[2]
TOKEN = "12345"
SETTLE = 2.0  # seconds of calls before the measured ones
ITS_CORE, OTHER_CORE = 0, 1  # of whoever is measured; of callers and model
ANSWERER = "answerer.json"  # what the far end of the floor has noted

SETTINGS = """
[server]
port = {port}
max_calls = 2000
[limits]
lag_ms = 0
[assistant]
kind = "openai"
base_url = "http://127.0.0.1:{upstream}/v1"
api_key = "bench"
model = "bench"
[bridges.twilio]
enabled = true
auth_token = "{token}"
check_ticket = false
[bridges.audiosocket]
enabled = true
port = {own}
tickets = false
[turns]
second_opinion = false
[taps]
journal = "{folder}/journals"
transcripts = "{folder}/transcripts"
[log]
level = "warning"
"""


@dataclass(slots=True)
class Seen:
    """What one run showed. Milliseconds and megabytes."""

    share: float  # of one core, percent, per call; its children's too
    base: float
    per_call: float
    messages: float  # that the process took in and gave out, a second and a call
    lost: int
    played: float  # share of the time for which a caller heard speech; the script has it at a half
    inward: list[float] = field(default_factory=list)  # a voiced frame, from caller to model
    outward: list[float] = field(default_factory=list)  # an answer's first sound, back
    barge_in: list[float] = field(default_factory=list)


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """What is started in here runs on this core alone, where the system can be told so."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(every)[core % len(every)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)


@contextmanager
def process(*command: str, ready: str = "ready") -> Iterator[subprocess.Popen[str]]:
    """A child that has said that it is ready."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert child.stdout is not None
        while ready not in (line := child.stdout.readline()):
            assert line, f"{command} ended before it was ready"
        yield child
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        child.wait(20)


@contextmanager
def gateway(
    place: Place, module: tuple[str, ...] = ("gateway",), options: tuple[str, ...] = ()
) -> Iterator[int]:
    """The gateway; gives its process id."""
    settings = place.folder / "trunkline.toml"
    given = {"port": place.port, "own": place.own, "upstream": place.upstream}
    settings.write_text(SETTINGS.format(**given, token=TOKEN, folder=place.folder))
    command = [sys.executable, "-m", *module, "serve", "--config", str(settings), *options]
    child = subprocess.Popen(command, cwd=ROOT)
    try:
        wait_ready(place.port)
        yield child.pid
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(20)


def wait_ready(port: int) -> None:
    """Until the gateway answers."""
    for _ in range(2000):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.005)
    raise AssertionError("the gateway is not ready")


@contextmanager
def floor(place: Place) -> Iterator[int]:
    """The relay that looks into nothing."""
    splice, upstream = [sys.executable, "-m", "tests.bench.wire.splice"], str(place.upstream)
    with ExitStack() as stack:
        if place.way != "realtime":  # no model understands what comes unchanged
            upstream = str(free_port())
            report = str(place.folder / ANSWERER)
            answerer = ["tests.bench.wire.answerer", place.way, upstream, report]
            with on_core(OTHER_CORE):
                stack.enter_context(process(sys.executable, "-m", *answerer))
        if place.way == "audiosocket":
            splice += [str(place.own), upstream, "tcp"]
        else:
            splice += [str(place.port), upstream]
        yield stack.enter_context(process(*splice)).pid


SUBJECTS: dict[str, Subject] = {
    "floor": floor,
    "gateway": gateway,
    "workers": partial(gateway, options=("--workers", "2")),
    **OTHERS,
}


def measure(
    subject: str, calls: int, seconds: int, interrupting: int = 0, way: str = "twilio"
) -> Seen:
    """One run."""
    with tempfile.TemporaryDirectory() as name:
        where, whole = place(Path(name), way), seconds + SETTLE + 1
        model, phones = where.folder / "model.json", where.folder / "phones.json"
        with ExitStack() as running:
            run = [sys.executable, "-m", "tests.bench.wire.upstream", str(where.upstream)]
            with on_core(OTHER_CORE):
                running.enter_context(process(*run, str(model)))
            with on_core(ITS_CORE) if subject != "workers" else nullcontext():
                pid = running.enter_context(SUBJECTS[subject](where))
            with on_core(OTHER_CORE):
                _first_call(where)
            base = memory(pid)
            run = [*callers(where, calls, int(whole)), str(interrupting), TOKEN, str(phones)]
            with on_core(OTHER_CORE):
                talking = running.enter_context(process(*run, ready="talking"))
            time.sleep(SETTLE)
            began, spent = time.monotonic(), cpu(pid)
            time.sleep(seconds)
            spent, passed = cpu(pid) - spent, time.monotonic() - began
            held = memory(pid)
            talking.wait(30)
        noted = where.folder / ANSWERER if (where.folder / ANSWERER).exists() else model
        heard, spoken = json.loads(noted.read_text()), json.loads(phones.read_text())
    seen = Seen(
        share=spent / passed / calls * 100,
        base=base,
        per_call=(held - base) / calls,
        messages=(len(spoken["spoke"]) / 3 + spoken["media"]) / whole / calls,
        lost=spoken["lost"],
        played=spoken["sound"] / whole / calls,
    )
    if subject in ("floor", "gateway"):
        _delays(seen, heard, spoken, calls, way, interrupting)
    if subject == "floor":
        seen.barge_in.clear()  # it interrupts nothing: an answer was over
    return seen


def _first_call(where: Place) -> None:
    """What a program loads and fills at its first call belongs to its base, not to a call."""
    first = [*callers(where, 1, 2), "0", TOKEN, str(where.folder / "first.json")]
    subprocess.run(first, cwd=ROOT, check=True, timeout=60, stdout=subprocess.DEVNULL)
    time.sleep(0.5)


def profiled(calls: int, seconds: int, way: str = "twilio") -> str:
    """The samples of a gateway under that many calls, as JSON."""
    with tempfile.TemporaryDirectory() as name:
        where = place(Path(name), way)
        report = where.folder / "profile.json"
        module = ("tests.bench.wire.profiled", str(report))
        upstream = [sys.executable, "-m", "tests.bench.wire.upstream", str(where.upstream)]
        with process(*upstream, f"{name}/model"), gateway(where, module) as pid:
            run = [*callers(where, calls, seconds), "0", TOKEN, f"{name}/phones"]
            with process(*run, ready="talking") as talking:
                os.kill(pid, signal.SIGUSR2)
                talking.wait(seconds + 30)
        return report.read_text()


def _delays(
    seen: Seen,
    heard: dict[str, Any],
    spoken: dict[str, Any],
    calls: int,
    way: str,
    interrupting: int,
) -> None:
    """From the two processes' notes: how long things were under way within the gateway."""
    spoke = {(int(call), int(n)): at for call, n, at in _rows(spoken["spoke"], 3)}
    settled = spoken["began"] + SETTLE  # sessions are opened until then
    cycles = max(number for _, number in spoke) // CYCLE + 1
    frames, plan = said(cycles, interrupting, WAYS[way].form), WAYS[way].plan()
    rows, began = _rows(heard["heard"], 3), spoken["began"]
    came = [(int(call), int(n), at) for call, n, at in rows if at > began]  # not of the first call
    plays = {int(n): at for n, at in _rows(spoken["heard"], 2)}
    due = {call: expected(frames, call, plan) for call in range(1, calls + 1)}
    for call, number, at in came:
        if number in due[call].at_once and spoke[call, number] > settled:
            seen.inward.append((at - spoke[call, number]) * 1000)
    for number, at in _rows(heard["spoke"], 2):
        if int(number) in plays:
            seen.outward.append((plays[int(number)] - at) * 1000)
    causes = {
        call: sorted(
            spoke[call, number]
            for number in one.interrupting  # nothing is to be heard where a cycle begins
            if number % CYCLE >= INTERRUPTS_AT and (call, number) in spoke
        )
        for call, one in due.items()
    }
    for call, at in _rows(spoken["cleared"], 2):
        while (waiting := causes[int(call)]) and waiting[0] <= at:
            cause = waiting.pop(0)
            if not (waiting and waiting[0] <= at):
                seen.barge_in.append((at - cause) * 1000)


def _rows(flat: list[float], width: int) -> Iterator[tuple[float, ...]]:
    return zip(*(flat[place::width] for place in range(width)), strict=True)


def told(subject: str, seen: Seen) -> str:
    """A run in a line."""
    line = (
        f"{subject:14} {seen.share:.3f} % of a core a call, {seen.base:.0f} MB + "
        f"{seen.per_call:.2f} MB a call, {seen.messages:.0f} messages/s, {seen.lost} lost, "
        f"speech {seen.played:.0%} of the time"
    )
    for name in ("inward", "outward", "barge_in"):
        if values := getattr(seen, name):
            p50, p99 = percentile(values, 50), percentile(values, 99)
            line += f", {name} {p50:.1f}/{p99:.1f} ms ({len(values)})"
    return line


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--interrupting", type=int, default=0)
    parser.add_argument("--way", choices=WAYS, default="twilio")
    parser.add_argument("--only", nargs="*", choices=SUBJECTS, default=["floor", "gateway"])
    asked = parser.parse_args()
    ratios = []
    for _ in range(asked.rounds):
        shares = {}
        for subject in asked.only:
            seen = measure(subject, asked.calls, asked.seconds, asked.interrupting, asked.way)
            shares[subject] = seen.share
            print(told(subject, seen), flush=True)
        for subject in shares.keys() & OTHERS.keys() if "gateway" in shares else ():
            ratio = shares[subject] / shares["gateway"]
            print(f"{subject}: {ratio:.2f} times the gateway", flush=True)
        if {"floor", "gateway"} <= shares.keys():
            ratios.append(shares["gateway"] / shares["floor"])
            print(f"ratio {ratios[-1]:.2f}", flush=True)
    if ratios:
        print(f"median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(ROOT)
    main()
