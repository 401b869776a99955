"""Quiet: an idle caller is asked, and let go, counted from the end of what was heard."""

from __future__ import annotations

import pytest

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.plan import IdlePolicy, Plan
from tests.call.story import Story

AFTER = 4_000
ANSWER = 3_000  # ms


def answered(*, reports: bool) -> tuple[Story, float]:
    """A story up to an answer that has all come, and when that was."""
    told = Story(Plan(idle=IdlePolicy(after=AFTER * 1000, limit=1)), reports=reports)
    told.says(600)
    told.answers(ANSWER)
    return told, told.now / 1000


def prompts(told: Story) -> list[float]:
    return told.times(do.Respond)[1:]


def test_the_time_runs_from_when_the_answer_was_heard_and_not_from_when_it_came() -> None:
    told, came = answered(reports=False)
    told.wait(ANSWER + AFTER - 40)
    assert not prompts(told)
    told.wait(80)
    assert prompts(told) == [pytest.approx(came + ANSWER + AFTER, abs=20)]


def test_a_caller_whose_line_is_slow_has_as_long_to_think() -> None:
    """The worklet says that it plays two seconds behind; so long is nobody idle."""
    told, came = answered(reports=True)
    told.wait(2_000)
    for heard in range(100, ANSWER + 100, 100):
        told.wait(100)
        told.feed(on.CallerPlayed("item_a", heard * 24, 0))
    told.wait(AFTER - 100)
    assert not prompts(told)
    told.wait(200)
    assert prompts(told) == [pytest.approx(came + 2_000 + ANSWER + AFTER, abs=50)]


def test_a_report_that_never_comes_holds_nothing_up() -> None:
    told, came = answered(reports=True)
    for _ in range(60):
        told.wait(100)
        told.feed(on.CallerPlayed("item_a", 2_400, 0))  # it hangs, and says so
    told.wait(AFTER)
    assert prompts(told)
    assert prompts(told)[0] < came + ANSWER + AFTER + 1_100


def test_who_says_something_is_asked_as_often_again() -> None:
    told, _ = answered(reports=False)
    told.wait(ANSWER + AFTER + 100)
    told.answers(500, item="item_b", response="resp_2")
    told.says(600)
    told.answers(500, item="item_c", response="resp_3")
    told.wait(500 + AFTER + 100)
    assert len(prompts(told)) == 3, "one prompt, the answer, and a prompt again"
    told.answers(500, item="item_d", response="resp_4")
    told.wait(500 + AFTER + 100)
    assert told.all(do.End) == [do.End("idle")]
