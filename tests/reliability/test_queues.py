"""Each queue has a bound, a policy and a figure, and the page that says so is right."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.plan import Plan, RecoveryPolicy
from gateway.callers.patient import KEPT, PatientLeg
from gateway.taps.metrics import Metrics
from tests.call.story import Story

ROOT = Path(__file__).parents[2]
DOC = ROOT / "docs" / "reliability.md"
HEAD = ["queue", "place", "bound", "when it is full", "figure in `/metrics`"]
MAKES = {"deque", "Queue"}
# Files that make a deque for something else than to let what comes wait for who takes it, or whose
# queue is emptied by time alone.
NOT_QUEUES = {
    "gateway/assistants/live.py": "the doctor's own session with a model",
    "gateway/call/dictation.py": "remembers a fixed number of turns",
    "gateway/call/guard/speech.py": "the pieces of one sentence",
    "gateway/call/guard/held.py": "what waits to be judged goes on when its time is over",
    "gateway/call/hearing.py": "turns whose items are not known yet: one for each that is said",
    "gateway/call/preroll.py": "sound of a fixed length",
    "gateway/call/toolcalls.py": "remembers a fixed number of sayings",
    "gateway/call/tracks.py": "the backlog of playback.py, item by item",
    "gateway/callers/chan_websocket_wire.py": "sound while Asterisk wants none, 60 s at most",
    "gateway/sockets/outlet.py": "the queues of websocket.py and of openai.py, under their limits",
    "gateway/callers/pacing.py": "sound that the call has released: its lead, at most",
    "gateway/callers/webrtc/jitter.py": "arrivals within a window of time",
    "gateway/callers/webrtc/speaker.py": "sound that the call has released: its lead, at most",
    "gateway/embedded/outbox.py": "the embedded server's own, which lets go of who does not read",
    "gateway/embedded/turns.py": "a window of frames",
    "gateway/embedded/usage.py": "remembers a fixed number of answers",
    "gateway/admission/pressure.py": "samples within a window of time",
    "gateway/redaction/detect.py": "places within one text",
    "gateway/replay.py": "what a line of a file orders",
    "gateway/store/spill.py": "names of files in a folder",
    "gateway/taps/flushing.py": "the files of live calls, whose turn it is first",
    "gateway/workers/child.py": "times within a window",
}


def rows() -> list[list[str]]:
    lines = DOC.read_text(encoding="utf-8").splitlines()
    table = lines[lines.index(f"| {' | '.join(HEAD)} |") + 2 :]
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in table[: next(n for n, line in enumerate(table) if not line)]
    ]


ROWS = rows()


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_each_bound_is_what_the_code_says(row: list[str]) -> None:
    _, place, bound, policy, figure = row
    path, _, name = place.replace("`", "").partition(" ")
    assert (ROOT / path).is_file()
    assert policy
    assert figure
    if name:
        value: Any = import_module(path.removesuffix(".py").replace("/", "."))
        for part in name.split("."):
            value = value() if isinstance(value, type) else value
            value = getattr(value, part)
        assert str(value) in bound.split()


def test_each_figure_is_one_that_the_gateway_shows_or_counts() -> None:
    code = "".join(path.read_text() for path in (ROOT / "gateway").rglob("*.py"))
    for row in ROWS:
        for queue in re.findall(r'overflows_total\{queue="(\w+)"\}', row[-1]):
            assert f'"{queue}"' in code
        for name in re.findall(r"trunkline_store_(\w+)", row[-1]):
            counted = f'"store_{name.removesuffix("_total")}"'  # that it is one is added
            assert f'"{name}"' in code or counted in code


def test_no_queue_is_missing_from_the_page() -> None:
    named = {row[1].replace("`", "").partition(" ")[0] for row in ROWS} | NOT_QUEUES.keys()
    found = {
        str(path.relative_to(ROOT))
        for folder in ("gateway/assistants", "gateway/call", "gateway/callers", "gateway")
        for path in (ROOT / folder).rglob("*.py")
        if not {"rehearsal", "load", "mind"} & set(path.parts) and _makes_a_queue(path)
    }
    assert found <= named, "say in docs/reliability.md what bounds it, or here why it is none"
    assert NOT_QUEUES.keys() <= found


def _makes_a_queue(path: Path) -> bool:
    """Or takes what came first from a list, which is less to hold where hardly ever one waits."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    if any(ast.unparse(call).endswith(".pop(0)") for call in calls):
        return True
    named = (ast.unparse(part) for call in calls for part in (call.func, *call.keywords))
    return any(name.removeprefix("default_factory=").split(".")[-1] in MAKES for name in named)


def test_speech_that_is_too_much_to_be_kept_while_there_is_no_model_is_counted_once() -> None:
    plan = Plan(recovery=RecoveryPolicy(assistants=1, patience=600_000_000))
    metrics, tale = Metrics(), Story(plan)
    tap = metrics.tap(plan)
    tale.feed(on.AssistantLost("gone", "close_1006"))
    tale.speaks(63_000)
    for effect in tale.all(do.ShowNotice):
        tap.effect(effect, tale.now)
    assert metrics.registry.get_sample_value(
        "trunkline_overflows_total", {"queue": "speech"}
    ) == pytest.approx(1.0)


async def test_what_is_too_much_for_a_caller_that_is_away_is_counted() -> None:
    class Gone:
        async def run(self, feed: Any) -> None:
            feed(on.CallerJoined())
            feed(on.CallerLeft("line broke"))

        def send(self, effect: do.ToCaller) -> None: ...
        def close(self, reason: str) -> None: ...

    lost = []
    leg = PatientLeg(Gone(), 0.05)
    leg.full = lambda: lost.append(1)

    def feed(event: on.Event) -> None:
        if isinstance(event, on.CallerOrdered):  # its line is gone by now
            for number in range(KEPT + 3):
                leg.send(do.ShowNotice("code", str(number)))

    await leg.run(feed)
    assert len(lost) == 3
