"""What the same scripted call costs in other projects, beside Trunkline and the floor.

python -m tests.bench.others.table [--calls 30] [--seconds 12] [--rounds 2]
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Iterator

from tests.bench.calls import ROOT, Seen, measure
from tests.bench.others.subjects import NAMES, NotThereError, released

COLUMNS = (
    "CPU of a core, a call",
    "beside Trunkline",
    "beside the floor",
    "memory, base",
    "a call",
    "speech heard",
)


def compared(rounds: int, calls: int, seconds: int) -> str:
    """All of them in turns, as a table; then a sentence for each that could not be measured."""
    runs: dict[str, list[Seen]] = {name: [] for name in ("floor", "gateway", *NAMES)}
    missing = []
    for _ in range(rounds):
        for name in list(runs):
            try:
                runs[name].append(measure(name, calls, seconds))
            except NotThereError as error:
                del runs[name]
                missing.append(f"\n{name} is left out: {error}.\n")
                print(missing[-1].strip(), flush=True)
    return "".join([f"| {calls} calls, {rounds} rounds in turns ", *_table(runs), *missing])


def _table(runs: dict[str, list[Seen]]) -> Iterator[str]:
    """Behind the first cell of its head."""
    yield f"| {' | '.join(COLUMNS)} |\n{'|---' * (len(COLUMNS) + 1)}|\n"
    shares = {name: statistics.median(one.share for one in seen) for name, seen in runs.items()}
    for name, seen in runs.items():
        base = statistics.median(one.base for one in seen)
        held = statistics.median(one.per_call for one in seen)
        heard = statistics.median(one.played for one in seen)
        cells = (
            _title(name),
            f"{shares[name]:.3f} %",
            f"{shares[name] / shares['gateway']:.2f} times",
            f"{shares[name] / shares['floor']:.2f} times",
            f"{base:.0f} MB",
            f"{held:.2f} MB",
            f"{heard:.0%} of the time",
        )
        yield f"| {' | '.join(cells)} |\n"


def _title(name: str) -> str:
    return released(name) if name in NAMES else {"gateway": "Trunkline"}.get(name, name)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=30)
    parser.add_argument("--seconds", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    print(compared(asked.rounds, asked.calls, asked.seconds))


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(ROOT)
    main()
