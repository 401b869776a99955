"""`trunkline prepare`: convert the speech model once, so that no call has to wait for it."""

from __future__ import annotations

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="convert again what is there already")


def run(args: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from gateway.embedded.prepare import prepare

    columns = (TextColumn("{task.description:<40}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task("looking for the speech model", total=1.0)
        place = prepare(
            lambda what, done: bars.update(task, description=what, completed=done),
            force=args.force,
        )
    sys.stdout.write(f"{place}\n")
    return 0
