"""What a load test says at its end, of calls that were not there and of a model that was not."""

from __future__ import annotations

import time
from io import StringIO
from typing import Any

from rich.console import Console

from gateway.load.figures import Figures
from gateway.load.lines.line import REFUSED
from gateway.load.lines.sockets import refusal
from gateway.load.lines.ways import Target
from gateway.load.notes import CallBegan, CallEnded, Spoken, Turn
from gateway.load.report import page
from gateway.load.result import result
from gateway.load.run import Test as LoadTest
from gateway.load.run import Wanted, _judged
from gateway.load.show import sum_up


def told(*, heard: bool) -> tuple[dict[str, Any], str]:
    """Of two calls to a gateway that takes one; whether the scripted model `heard` it."""
    now = time.monotonic()
    target = Target("realtime", "ws://127.0.0.1:1/v1/realtime")
    test = LoadTest(Wanted((), target, "realtime", calls=2), Figures([], []))
    test.note(CallBegan(1, now, 0.01))
    test.note(CallEnded(2, now, REFUSED, refusal("the upgrade", 503), began=False))
    test.note(Spoken(1, 0, [now]))
    if heard:
        test.note(Turn(1, 8_000, []))
    test.stages.append(_judged(test, 2, (now, now), 0, None))
    found, said = result(test), StringIO()
    sum_up(Console(file=said, width=200), found, test)
    return found, said.getvalue()


def test_calls_that_a_gateway_has_no_room_for_are_told_of_with_their_cause() -> None:
    found, said = told(heard=True)
    assert not found["well"]
    assert said.startswith("1 of 2 calls,")
    assert "\n1 call, refused: the upgrade was answered with 503; the gateway lets no more" in said
    assert "\nnot well: 1 call failed\n" in said
    assert "model" not in said


def test_a_gateway_that_has_another_model_does_not_do_well() -> None:
    found, said = told(heard=False)
    assert not found["well"]
    assert "\nnot well: no call reached the scripted model" in said
    assert "base_url name the address that --model listens on" in said


def test_of_what_was_not_compared_no_figure_is_told() -> None:
    found, said = told(heard=True)
    (stage,) = found["stages"]
    assert (stage["loss"], stage["up"]) == (
        None,
        {"count": 0, "p50": None, "p95": None, "p99": None, "max": None},
    )
    assert "sound lost" not in said
    shown = page(found)
    assert "<b>1 of 2</b>" in shown
    assert "0.00%" not in shown
