"""`trunkline replay`: run a journal's call again, and say where it decides otherwise."""

from __future__ import annotations

import argparse
import sys
import time
from itertools import islice
from pathlib import Path

SHOWN = 20  # differences; more of them say nothing new


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("journal", type=Path, help="a file that taps.journal has made")


def run(args: argparse.Namespace) -> int:
    from gateway.privacy.vault import LOCKED, NO_KEYS
    from gateway.replay import Replay
    from gateway.settings import load

    locked = args.journal.name.endswith(LOCKED)
    keys = load(args.config, answers=False).privacy.lock() if locked else NO_KEYS
    replay = Replay(args.journal, keys)
    began = time.perf_counter()
    differences = list(islice(replay.differences(), SHOWN))
    took = time.perf_counter() - began
    seconds = replay.length / 1_000_000
    sys.stdout.write("".join(f"{one}\n" for one in differences))
    verdict = f"{len(differences)} or more differences" if differences else "the same orders"
    sys.stdout.write(
        f"{replay.events} events of a call of {seconds:.1f} s, replayed in {took:.2f} s "
        f"({seconds / took:.0f} times real time): {verdict}\n"
    )
    return 1 if differences else 0
