"""What a process costs: its CPU by the scheduler's own count, its memory; and percentiles."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path


def cpu(pid: int) -> float:
    """Seconds on a CPU since it began, all threads, to the nanosecond."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def memory(pid: int) -> float:
    """Resident megabytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def percentile(values: Iterable[float], part: float) -> float:
    """The value that so many of a hundred do not exceed; no number where there are none."""
    ordered = sorted(values)
    return ordered[math.ceil(part / 100 * len(ordered)) - 1] if ordered else math.nan
