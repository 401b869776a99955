"""What a caller notices of each fault of the model's side: the table of docs/reliability.md.

Run by itself: `python -m tests.bench.faults` holds a call for each fault and moment, on a virtual
clock; names of faults as arguments choose some.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence

from gateway import clock
from tests.reliability.trouble import FAULTS, QUESTIONS, Suffered, suffer

COLUMNS = (
    *("what goes wrong", "calls", "silence p50", "silence max", "answer p50", "answer max"),
    *("speech lost", "answered", "run twice", "transcripts complete", "calls ended"),
)


def row(name: str, calls: Sequence[Suffered], spoken: int) -> list[str]:
    """A line of the table: of each call the worst question, and over the calls p50 and maximum."""
    silences = [max(call.silences) for call in calls]
    waits = [max(call.waits) for call in calls]
    return [
        name,
        str(len(calls)),
        f"{statistics.median(silences):.2f} s",
        f"{max(silences):.2f} s",
        f"{statistics.median(waits):.2f} s",
        f"{max(waits):.2f} s",
        f"{max(0, *(spoken - call.spoken for call in calls), 0)} ms",
        f"{sum(call.answered for call in calls)} of {QUESTIONS * len(calls)}",
        str(sum(call.paid > 1 for call in calls)),
        f"{sum(call.complete for call in calls)} of {len(calls)}",
        str(sum(call.ended for call in calls)),
    ]


def line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(chosen: Sequence[str]) -> None:
    spoken = clock.run(suffer(FAULTS["nothing"][0])).spoken
    print(line(COLUMNS))
    print(line(["---"] * len(COLUMNS)))
    for name, plans in FAULTS.items():
        if not chosen or name in chosen:
            calls = [clock.run(suffer(plan)) for plan in plans]
            print(line(row(name, calls, spoken)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
