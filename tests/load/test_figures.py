"""What notes of callers come to: which questions nobody has answered yet."""

from __future__ import annotations

import pytest

from gateway.load.figures import Figures
from gateway.load.notes import CallEnded, Heard, Missed, Note, Spoken


def heard(at: float, asked: float) -> Heard:
    return Heard(1, -2, -1, 8_000, [(at, 1)], asked)


def test_a_question_is_open_until_its_own_answer_was_heard() -> None:
    figures = Figures([], [])
    figures.push(Spoken(1, 0, [1.0, 1.5]))
    assert (figures.unanswered(1.4), figures.unanswered(1.5)) == (0, 1)
    figures.push(heard(2.0, asked=0.9))
    assert (figures.unanswered(1.9), figures.unanswered(2.0)) == (0, 1), "of the one before"
    figures.push(heard(4.0, asked=1.4))
    assert figures.unanswered(9.0) == 0


@pytest.mark.parametrize("note", [Missed(1, 1.4), CallEnded(1, 2.0)], ids=["missed", "ended"])
def test_what_was_counted_otherwise_is_open_no_more(note: Note) -> None:
    figures = Figures([], [])
    figures.push(Spoken(1, 0, [1.0, 1.5]))
    figures.push(note)
    assert figures.unanswered(9.0) == 0
