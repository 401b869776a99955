"""What a process costs: its CPU by the scheduler's own count, its memory; and percentiles."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path


def cpu(pid: int) -> float:
    """Seconds on a CPU since it began, all threads and children, to the nanosecond."""
    stats = (
        task / "schedstat" for one in _family(pid) for task in Path(f"/proc/{one}/task").iterdir()
    )
    return sum(int(stat.read_text().split()[0]) for stat in stats) / 1e9


def memory(pid: int) -> float:
    """Resident megabytes, its children's too."""
    stats = (Path(f"/proc/{one}/statm").read_text().split() for one in _family(pid))
    return sum(int(stat[1]) for stat in stats) * 4096 / 1e6


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _family(int(child))


def percentile(values: Iterable[float], part: float) -> float:
    """The value that so many of a hundred do not exceed; no number where there are none."""
    ordered = sorted(values)
    return ordered[math.ceil(part / 100 * len(ordered)) - 1] if ordered else math.nan
