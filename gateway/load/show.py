"""Show: a load test as it goes, as a live table on a terminal and as lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from gateway.load.figures import percentile
from gateway.load.run import Test
from gateway.load.watching import used

RECENT = 5.0  # seconds that the live figures are of
PLAIN_EACH = 5.0  # seconds between two lines where there is no terminal
ROWS = (
    ("up", "caller to model"),
    ("down", "model to caller"),
    ("voice_to_voice", "voice to voice"),
    ("barge_in", "barge-in"),
)


@contextmanager
def showing(console: Console) -> Iterator[Show]:
    """A show on that console."""
    if not console.is_terminal:
        yield Show(console, None)
        return
    with Live(console=console, transient=True, auto_refresh=False) as live:
        yield Show(console, live)


class Show:
    """Watches one test; `live`: where it is drawn again and again, if it is."""

    def __init__(self, console: Console, live: Live | None) -> None:
        self._console, self._live = console, live
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console
        )
        self._task = self._bar.add_task("starting", total=None)
        self._told = 0.0
        self._stages = 0

    def see(self, test: Test) -> None:
        """How it goes now."""
        if self._live is not None:
            self._live.update(self._picture(test), refresh=True)
            return
        now = time.monotonic()
        if now - self._told < PLAIN_EACH and len(test.stages) == self._stages:
            return
        self._told, self._stages = now, len(test.stages)
        recent = test.figures.summary(now - RECENT, now)
        added = _ms(recent.added)
        self._console.print(
            f"{now - test.began:5.0f} s  {test.doing}, live {test.figures.live}, "
            f"failed {sum(test.figures.failures.values())}, added p99 {added}"
        )

    def _picture(self, test: Test) -> Group:
        left = max(0.0, test.until - time.monotonic())
        total = test.wanted.seconds
        going = "talk" in test.doing
        self._bar.update(
            self._task,
            description=test.doing,
            total=total if going else None,
            completed=total - min(left, total) if going else 0,
        )
        return Group(self._bar, self._figures(test), *self._done(test))

    def _figures(self, test: Test) -> Group:
        now = time.monotonic()
        recent = test.figures.summary(now - RECENT, now)
        table = Table(title=f"last {RECENT:g} s", title_justify="left")
        for name in ("ms", "p50", "p95", "p99", "n"):
            table.add_column(name, justify="left" if name == "ms" else "right")
        for key, name in ROWS:
            values = recent.latencies[key]  # type: ignore[index]
            cells = [f"{percentile(values, share) * 1000:.1f}" for share in (0.5, 0.95, 0.99)]
            table.add_row(name, *(cells if values else ["-"] * 3), str(len(values)))
        cost = used(test.costs, now - RECENT, now)
        said = [f"calls {test.figures.live}", f"failed {sum(test.figures.failures.values())}"]
        said += [f"loss {recent.loss:.2%}"] if recent.loss is not None else []
        said += [f"CPU {cost.cpu * 100:.0f} %"] if cost.cpu is not None else []
        said += [f"memory {cost.memory / 1e6:.0f} MB"] if cost.memory is not None else []
        said += [f"loop lag {cost.lag * 1000:.1f} ms"] if cost.lag is not None else []
        return Group(table, Text("   ".join(said), style="dim"))

    def _done(self, test: Test) -> list[Table]:
        return [stages(test)] if test.stages else []


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f} ms"


def stages(test: Test) -> Table:
    """The stages so far."""
    table = Table(title="stages", title_justify="left")
    for name in ("calls", "added p99", "loss", "CPU/call", "memory", "verdict"):
        table.add_column(name, justify="left" if name == "verdict" else "right")
    for one in test.stages:
        cpu, memory, loss = one.cpu_per_call, one.used.memory, one.summary.loss
        table.add_row(
            str(one.calls),
            _ms(one.summary.added),
            f"{loss:.2%}" if loss is not None else "-",
            f"{cpu * 100:.2f} %" if cpu is not None else "-",
            f"{memory / 1e6:.0f} MB" if memory is not None else "-",
            "; ".join(one.faults) or "well",
        )
    return table


def sum_up(console: Console, found: dict[str, Any], test: Test) -> None:
    """The end of it, for a person."""
    if not test.stages:
        console.print("Nothing was measured.")
    for row in found["stages"][-1:] if not test.wanted.find else []:
        there = f"{row['live']} of " if row["live"] < row["calls"] else ""
        console.print(f"[bold]{there}{row['calls']} calls, {row['seconds']:g} s[/bold]")
        for key, name in ROWS:
            one = row[key]
            if one["count"]:
                console.print(
                    f"  {name:<16} p50 {one['p50']:8.1f}   p95 {one['p95']:8.1f}"
                    f"   p99 {one['p99']:8.1f} ms   ({one['count']})"
                )
        if row["loss"] is not None:
            console.print(f"  {'sound lost':<16} {row['loss']:.3%}")
        console.print(f"  {'questions':<16} {row['questions']}, unanswered {row['missed']}")
        if row["cpu_cores"] is not None:
            console.print(
                f"  {'gateway':<16} {row['cpu_percent_per_call']:.2f} % of a core a call, "
                f"{row['memory_mb'] or 0:.0f} MB"
            )
    if test.wanted.find and test.stages:
        console.print(stages(test))
        most = ", the most that was tried (--most)" if test.holds == test.wanted.most else ""
        console.print(f"[bold]It holds {found['holds']} calls[/bold] within these limits{most}.")
    for one in found["failures"]:
        cause, detail = escape(one["cause"]), escape(one["detail"])
        calls = "call" if one["count"] == 1 else "calls"
        line = f"[red]{one['count']}[/red] {calls}, {cause}: {detail}"
        console.print(line, soft_wrap=True)
    for fault in test.stages[-1].faults if test.stages and not test.wanted.find else []:
        console.print(f"[red]not well:[/red] {escape(fault)}", soft_wrap=True)
    for hint in found["hints"]:
        console.print(f"[yellow]note:[/yellow] {escape(hint)}", soft_wrap=True)
    if test.cut:
        console.print("The test was cut short.")
