"""Runs the gateway with a sampler: where its CPU time goes, by a timer that counts no idle time.

    python -m tests.bench.wire.profiled REPORT serve --config FILE

What a library does in C counts for the Python function that called it.
"""

from __future__ import annotations

import atexit
import json
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from gateway.cli import main

EVERY = 0.002  # seconds of CPU


def sample(report: Path) -> None:
    """From now on until the process ends."""
    seen: Counter[str] = Counter()

    def look(number: int, frame: FrameType | None) -> None:
        if frame is not None:
            code = frame.f_code
            seen[f"{Path(code.co_filename).name} {code.co_qualname}"] += 1

    def write() -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        report.write_text(json.dumps(seen.most_common()))

    signal.signal(signal.SIGPROF, look)
    atexit.register(write)
    # What is done at the start is of no interest: it begins with SIGUSR2.
    begin = (signal.ITIMER_PROF, EVERY, EVERY)
    signal.signal(signal.SIGUSR2, lambda *_: signal.setitimer(*begin) and None)


if __name__ == "__main__":
    sample(Path(sys.argv.pop(1)))
    sys.exit(main())
