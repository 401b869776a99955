"""Whatever goes wrong at the model, the caller is heard and answered, and nothing done twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.embedded.faultplan import FaultPlan
from tests.bench.faults import COLUMNS
from tests.reliability.trouble import FAULTS, QUESTIONS, suffer

pytestmark = pytest.mark.virtual_clock

DOC = Path(__file__).parents[2] / "docs" / "reliability.md"
SPOKEN = 8800  # milliseconds of the caller's speech that a call without faults transcribes
# By fault: which of its moments is tried here, and how long the caller may then hear nothing.
# The bench tries the others.
TRIED = {
    "nothing": (0, 0.3),
    "the socket drops": (3, 1.0),
    "… and the assistant stays away": (5, 1.2),
    "the session expires": (2, 1.0),
    "the server falls silent, the socket stays": (2, 2.0),
    "a rate limit, 1.2 s": (1, 1.2),
    "the account is empty": (1, 1.0),
    "an event is cut in half": (4, 3.0),
    "two answers at once": (1, 0.5),
    "by chance, one event in twenty": (1, 1.5),
}


@pytest.mark.parametrize("name", TRIED)
async def test_the_caller_is_answered_all_the_same(name: str) -> None:
    moment, silence = TRIED[name]
    call = await suffer(FAULTS[name][moment])
    assert call.answered == QUESTIONS
    assert call.spoken == SPOKEN, "not a frame of the caller's speech is lost"
    assert call.paid == 1, "nothing is done twice"
    assert call.complete, "the transcript has each question and its answer"
    assert not call.ended
    assert max(call.silences) <= silence


def test_the_page_has_a_row_for_each_fault_and_each_as_it_should_be() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|\n ").split(" | ")]
        for line in DOC.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    ]
    table = rows[rows.index(list(COLUMNS)) + 2 :]
    assert [row[0] for row in table[: len(FAULTS)]] == list(FAULTS)
    for row, plans in zip(table, FAULTS.values(), strict=False):
        named = dict(zip(COLUMNS, row, strict=True))
        assert named["calls"] == str(len(plans))
        assert named["speech lost"] == "0 ms", row
        assert named["answered"] == f"{QUESTIONS * len(plans)} of {QUESTIONS * len(plans)}", row
        assert named["run twice"] == "0", row
        assert named["calls ended"] == "0", row
        assert named["transcripts complete"] == f"{len(plans)} of {len(plans)}", row


def test_no_plan_is_empty_but_the_first() -> None:
    assert [name for name, plans in FAULTS.items() if FaultPlan() in plans] == ["nothing"]
