"""Plans of faults: read from a file, and carried out on the wire."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.embedded.faultplan import Chance, Fault, FaultPlan, load
from gateway.embedded.faultwire import Ending, FaultWire
from gateway.errors import SettingsError

CREATED = json.dumps({"type": "response.created", "response": {"id": "r1"}})
DELTA = json.dumps(
    {"type": "response.output_audio.delta", "response_id": "r1", "item_id": "i", "delta": "AAAA"}
)
DONE = json.dumps({"type": "response.done", "response": {"id": "r1", "status": "completed"}})


def sent(*faults: Fault, messages: tuple[str, ...] = (CREATED, DELTA, DONE)) -> list[object]:
    wire = FaultWire(FaultPlan(faults), 1)
    return [act for message in messages for act in wire.take(message, 1.0)]


def test_a_plan_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(
        '[[fault]]\nkind = "drop"\nsession = 2\nevent = "response.done"\n'
        "[random]\nshare = 0.1\nseed = 7\n"
    )
    plan = load(file)
    assert plan.fault == (Fault("drop", session=2, event="response.done"),)
    assert (plan.random.share, plan.random.seed) == (0.1, 7)


@pytest.mark.parametrize(
    "text", ['[[fault]]\nkind = "explode"', "[[fault]]\n", "[[fault]", 'fault = "drop"']
)
def test_what_is_no_plan_is_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match="expected"):
        load(file)
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path / "none.toml")


def test_without_faults_everything_passes() -> None:
    assert sent() == [CREATED, DELTA, DONE]


def test_a_fault_of_another_session_does_not_count() -> None:
    assert sent(Fault("drop", session=2)) == [CREATED, DELTA, DONE]


def test_an_end_is_the_last_of_it() -> None:
    assert sent(Fault("drop", event="response.done"))[-1] == Ending("drop")
    timed = FaultWire(FaultPlan((Fault("half_open", after=3.0),)), 1)
    assert list(timed.due(0)) == [(3.0, "half_open")]


def test_events_change_places_come_twice_and_in_halves() -> None:
    at = "response.output_audio.delta"
    assert sent(Fault("reorder", event=at)) == [CREATED, DONE, DELTA]
    assert sent(Fault("duplicate", event=at)) == [CREATED, DELTA, DELTA, DONE]
    assert sent(Fault("corrupt", event=at)) == [CREATED, DELTA[: len(DELTA) // 2], DONE]
    assert sent(Fault("late", event="response.done"))[-1] == DELTA
    assert sent(Fault("delay", event=at, ms=250))[:3] == [CREATED, 0.25, DELTA]
    assert len(sent(Fault("unknown", times=0))) == 6


def test_an_answer_that_fails_says_nothing_between() -> None:
    first, last = sent(Fault("rate_limit"))
    done = json.loads(str(last))
    assert first == CREATED
    assert done["response"]["status"] == "failed"
    assert done["response"]["status_details"]["error"]["code"] == "rate_limit_exceeded"


def test_two_answers_have_names_of_their_own() -> None:
    acts = [json.loads(str(act)) for act in sent(Fault("two_answers"))]
    assert [act.get("response_id") for act in acts[2:4]] == ["r1", "r1_again"]


def test_chance_is_the_same_for_the_same_seed() -> None:
    def run(seed: int) -> list[object]:
        wire = FaultWire(FaultPlan(random=Chance(0.3, seed, ("duplicate", "unknown"))), 1)
        return [act for _ in range(50) for act in wire.take(DELTA, 1.0)]

    assert run(1) == run(1) != run(2)
