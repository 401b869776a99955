"""What a bridge costs and how exactly it knows what was heard: fills the table of docs/bridges.md.

python -m tests.bench.bridges          # all, into the page
python -m tests.bench.bridges twilio   # some, to the screen
"""

from __future__ import annotations

import ast
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np

from audio.convert import encode
from audio.tone import sine
from gateway.assistants.capabilities import OPENAI
from gateway.call.effects import Play
from gateway.callers.dialect import Dialect, Reply, facts, fitted
from gateway.clock import run
from gateway.doors import bridges
from gateway.plans.planning import format_for
from tests.callers.conformance.case import case_of
from tests.callers.peers.journal import Calls, cuts
from tests.callers.peers.peer import Peer, Telephone, call, peer_of
from tests.callers.peers.provider import Mark
from tests.house import PlainMind, open_house

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/bridges.md"
BEGIN, END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"
HEAD = (
    "| bridge | CPU per 20 ms frame | truncation off by p50 / p99 | with a network "
    "| lines: own + shared |\n|---|---|---|---|---|\n"
)
SEAM = {"bridge", "dialect", "line", "marks", "websocket", "tcp", "realtime"}  # of every bridge
SECONDS = 20
CALLS, INTERRUPTIONS = 3, 17
QUIET = {"TRUNKLINE_TURNS__SECOND_OPINION": "false"}


def cost(name: str) -> float:
    """Median microseconds of a frame each way, in the format of a call to OpenAI's API."""
    return statistics.median(_cost(name) for _ in range(5))


def _cost(name: str) -> float:
    case = case_of(name)
    wire, provider = case.dialect(), case.provider()
    for message in provider.begin():
        for fact in wire.decode(message):
            if isinstance(fact, Reply):
                provider.take(fact.said())
    dialect: Dialect = fitted(wire, format_for(wire.format, OPENAI))
    spoken = encode(sine(440, SECONDS, wire.format.rate), wire.format.encoding)
    size = provider.frame * wire.format.width
    pieces = (spoken[at : at + size] for at in range(0, len(spoken), size))
    came = [message for piece in pieces for message in provider.speak(piece)]
    told = encode(sine(440, SECONDS, dialect.format.rate), dialect.format.encoding)
    grain = dialect.format.rate * dialect.grain // 1_000_000 * dialect.format.width
    plays = [
        Play("a", told[at : at + grain], at // dialect.format.width, 0)
        for at in range(0, len(told), grain)
    ]
    spent = -time.process_time()
    went = [message for play in plays for message in dialect.encode(play)]
    spent += time.process_time()
    marks = [one.name for said in went for one in provider.take(said) if isinstance(one, Mark)]
    came += [message for mark in marks for message in provider.played(mark)]
    spent -= time.process_time()
    for message in came:
        for _ in facts(dialect.decode(message)):
            pass
    spent += time.process_time()
    return spent / (SECONDS * 50) * 1e6


def truncation(name: str, lag: float) -> tuple[float, float]:
    """p50 and p99, in milliseconds, of what the assistant was told against what had been played."""
    errors = run(_interrupt(peer_of(name), lag))
    p50, p99 = np.percentile([error * 1000 for error in errors], [50, 99])
    return float(p50), float(p99)


async def _interrupt(peer: Peer, lag: float) -> list[float]:
    chance, errors = random.Random(4217), []
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as parts:
            calls = Calls(Path(folder))
            variables = {**peer.settings, **QUIET, **calls.settings}
            house = await parts.enter_async_context(
                open_house(PlainMind(pause=0.3), variables=variables)
            )
            played = []
            for _ in range(CALLS):
                async with call(peer, house, lag=lag) as telephone:
                    await _interruptions(telephone, chance)
                played += telephone.cuts[:INTERRUPTIONS]
                while house.gateway.switchboard.statistics().live:
                    await asyncio.sleep(0.05)
        # Each journal is one call; a call that is over cuts its last answer without a word.
        told = [cut for one in calls.all() for cut in cuts(one)[:INTERRUPTIONS]]
        assert len(told) == len(played) == CALLS * INTERRUPTIONS, (len(told), len(played))
        pairs = zip(told, played, strict=True)
        errors += [abs(one - other) for one, other in pairs]
    return errors


async def _interruptions(telephone: Telephone, chance: random.Random) -> None:
    telephone.press("#")
    for number in range(1, INTERRUPTIONS + 1):
        await telephone.until_heard(chance.uniform(0.05, 3.0))
        await asyncio.sleep(chance.uniform(0.0, 0.02))
        telephone.press("#")
        await telephone.until_cut(number)


def lines(name: str) -> tuple[int, int]:
    """Of the bridge's own file, and of what it shares with some other bridges only."""
    folder = ROOT / "gateway/callers"
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting += [one for one in _imports(folder / f"{module}.py") if one not in SEAM]
    sizes = {one: (folder / f"{one}.py").read_text().count("\n") for one in seen}
    return sizes.pop(name), sum(sizes.values())


def _imports(path: Path) -> Iterable[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gateway.callers"):
            beneath = (node.module or "").removeprefix("gateway.callers").lstrip(".")
            yield from [beneath] if beneath else [alias.name for alias in node.names]


def row(name: str) -> str:
    """A bridge's line of the table."""
    p50, p99 = truncation(name, 0.0)
    far50, far99 = truncation(name, 0.02)
    own, shared = lines(name)
    return (
        f"| {name} | {cost(name):.1f} µs | {p50:.0f} / {p99:.0f} ms | {far50:.0f} / {far99:.0f} ms "
        f"| {own} + {shared} |\n"
    )


def main() -> None:
    for name in sys.argv[1:] or bridges.NAMES:
        fresh = row(name)
        print(fresh, end="", flush=True)
        before, _, rest = PAGE.read_text().partition(BEGIN)
        table, _, after = rest.partition(END)
        rows = {line.split("|")[1].strip(): line for line in table.splitlines(keepends=True)[2:]}
        rows[name] = fresh
        kept = "".join(rows[one] for one in bridges.NAMES if one in rows)
        PAGE.write_text(before + BEGIN + HEAD + kept + END + after)


if __name__ == "__main__":
    main()
