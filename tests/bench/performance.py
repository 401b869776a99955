"""Fills docs/performance.md: what calls cost here, beside a relay that looks into nothing.

python -m tests.bench.performance          # all of it, in about twelve minutes
python -m tests.bench.performance --quick  # one short round, to the screen only
"""

from __future__ import annotations

import compileall
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from tests.bench.calls import ROOT, Seen, gateway, measure, place, profiled
from tests.bench.others.table import compared
from tests.bench.wire.figures import cpu, memory, percentile
from tests.bench.wire.ways import WAYS

PAGE = ROOT / "docs/performance.md"
PACKAGES = ("uvloop", "picows", "msgspec", "uvicorn", "starlette", "webrtcvad-wheels")
SHOWN = 24  # rows of the profile
STOPPED = {  # what ends an interrupted answer for the caller, and so is waited for
    "twilio": "barge-in to `clear`",
    "audiosocket": "barge-in to silence",
    "realtime": "barge-in to `speech_started`",
}


def machine() -> str:
    """What all of it ran on."""
    models = [
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    name = models[0].partition(": ")[2] if models else platform.machine()
    told = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores of {name}, {platform.system()} {platform.release()}, "
        f"load {load:.1f} at the beginning; Python {platform.python_version()}, {told}. "
        f"{time.strftime('%Y-%m-%d')}."
    )


def shares(rounds: int, calls: int, seconds: int, way: str = "twilio") -> str:
    """The floor and the gateway in turns."""
    runs: dict[str, list[Seen]] = {"floor": [], "gateway": []}
    for _ in range(rounds):
        for subject, seen in runs.items():
            seen.append(measure(subject, calls, seconds, way=way))
    ratios = [g.share / f.share for g, f in zip(runs["gateway"], runs["floor"], strict=True)]
    lines = [
        f"| {calls} calls, {rounds} rounds in turns | CPU of a core, a call | a message in or out "
        "| memory, base | a call |\n|---|---|---|---|---|\n"
    ]
    for subject, seen in runs.items():
        share = statistics.median(one.share for one in seen)
        each = statistics.median(one.share / 100 / one.messages * 1e6 for one in seen)
        base = statistics.median(one.base for one in seen)
        held = statistics.median(one.per_call for one in seen)
        lines.append(
            f"| {subject} | {share:.3f} % | {each:.0f} µs | {base:.0f} MB | {held:.2f} MB |\n"
        )
    every = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    median = statistics.median(ratios)
    return "".join(lines) + f"\n**{median:.2f} times the floor** (single rounds: {every}).\n"


def delays(*sizes: tuple[int, int], way: str = "twilio") -> str:
    """Calls in which every third answer is interrupted: so many of them, for so long."""
    lines = [
        f"| calls | by | lost | caller to model, p50 / p99 | model to caller | {STOPPED[way]} "
        "| CPU of a core in all |\n|---|---|---|---|---|---|---|\n"
    ]
    for calls, seconds in sizes:
        for subject in ("floor", "gateway"):
            seen = measure(subject, calls, seconds, 3, way)
            ways = [_both(values) for values in (seen.inward, seen.outward, seen.barge_in)]
            cells = (calls, subject, seen.lost, *ways, f"{seen.share * calls:.0f} %")
            lines.append(f"| {' | '.join(map(str, cells))} |\n")
    return "".join(lines)


def _both(values: list[float]) -> str:
    if not values:
        return ""
    return f"{percentile(values, 50):.1f} / {percentile(values, 99):.1f} ms"


def start() -> str:
    """The best of three: what else runs here makes it later, and nothing earlier.

    Compiled beforehand, as an installed package is, even where Python is told to write nothing.
    """
    for package in ("audio", "gateway", "tools"):
        compileall.compile_dir(ROOT / package, quiet=1)
    imports = min(_spent("import gateway"), _spent("import gateway"))
    ready, spent, held = [], [], 0.0
    for _ in range(3):
        with tempfile.TemporaryDirectory() as name:
            began = time.monotonic()
            with gateway(place(Path(name))) as pid:
                ready.append(time.monotonic() - began)
                spent.append(cpu(pid))
                held = memory(pid)
    return (
        "| `import gateway` | start to ready | CPU until then | memory then |\n|---|---|---|---|\n"
        f"| {imports * 1000:.0f} ms | {min(ready):.2f} s | {min(spent):.2f} s | {held:.0f} MB |\n"
    )


def _spent(code: str) -> float:
    program = (
        f"import time\nbegan = time.process_time()\n{code}\nprint(time.process_time() - began)"
    )
    return float(subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True))


def core() -> str:
    """As its own bench prints it."""
    command = [sys.executable, "-m", "tests.bench.core"]
    return f"```\n{subprocess.check_output(command, cwd=ROOT, text=True)}```\n"


def profile(calls: int, seconds: int) -> str:
    """Where the CPU time of that many calls goes."""
    rows = json.loads(profiled(calls, seconds))
    total = sum(count for _, count in rows)
    lines = [f"| of {total} samples | in |\n|---|---|\n"]
    lines += [f"| {count / total:.1%} | `{name}` |\n" for name, count in rows[:SHOWN]]
    rest = sum(count for _, count in rows[SHOWN:]) / total
    return "".join(lines) + f"| {rest:.1%} | {len(rows) - SHOWN} others |\n"


def ways() -> str:
    """What calls cost by each way in, and how long things are under way in them."""
    parts = []
    for name, way in WAYS.items():
        sizes = ((40, 20), (100, 20), (500, 20)) if name == "twilio" else ((100, 20),)
        parts += [f"### {way.told}\n", shares(3, 40, 15, name), delays(*sizes, way=name)]
    return "\n".join(parts)


def filled(block: str, figures: str) -> None:
    """Puts figures between the marks of a block of the page."""
    begin, end = f"<!-- {block}: begin -->\n", f"<!-- {block}: end -->\n"
    before, _, rest = PAGE.read_text().partition(begin)
    _, marked, after = rest.partition(end)
    assert marked, f"{PAGE} has no block named {block}"
    PAGE.write_text(f"{before}{begin}\n{figures}\n{end}{after}")


def main() -> None:
    os.environ["PYTHONPATH"] = str(ROOT)
    if "--quick" in sys.argv:
        print("\n".join(shares(1, 20, 6, way) for way in WAYS))
        return
    parts = [
        machine() + "\n",
        ways(),
        start(),
        core(),
        "Where the CPU time of 100 calls goes:\n\n" + profile(100, 15),
    ]
    filled("figures", "\n".join(parts))
    filled("others", compared(2, 30, 8))
    print(f"written: {PAGE}")


if __name__ == "__main__":
    main()
