"""Tool calls as stories: one output each, one answer for all of them, nobody left in silence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call import toolwords as say
from gateway.call.ledger import ARGUMENTS
from gateway.call.plan import Late, Plan
from gateway.call.toolcalls import CANCEL, REMEMBERED
from tests.call.story import Story
from tests.call.toolstory import BARE, call, calls, finished, outputs, spec, story

# ---------------------------------------------------------------- outputs and answers


def test_several_outputs_are_sent_as_they_come_and_one_answer_follows_the_last() -> None:
    told = story()
    calls(told, call("c1"), call("c2", "ship"))
    finished(told, "c2", "tomorrow")
    assert told.new()[-1] == do.SendToolOutput("c2", "tomorrow")
    finished(told, "c1")
    assert told.new()[-2:] == [do.SendToolOutput("c1", "found"), do.Respond()]


def test_a_result_waits_a_second_for_the_others_and_is_then_spoken_of_without_them() -> None:
    told = story(patience=0)
    calls(told, call("c1"), call("c2", "ship"))
    finished(told, "c1")
    told.wait(999)
    assert told.all(do.Respond) == [do.Respond()]  # to what the caller said
    told.wait(1)
    assert told.all(do.Respond) == [do.Respond()] * 2
    told.begins("resp_2")
    told.ends("resp_2")
    finished(told, "c2")
    assert told.all(do.Respond) == [do.Respond()] * 3


@pytest.mark.parametrize("status", ["cancelled", "failed", "incomplete"])
def test_calls_of_an_answer_that_did_not_end_well_are_answered_and_not_run(status: Any) -> None:
    told = story()
    calls(told, call(), status=status)
    assert outputs(told) == {"c1": say.NOT_RUN}
    assert not told.all(do.RunTool)


def test_the_same_call_while_it_is_at_work_is_joined_to_it_and_not_run_again() -> None:
    told = story(patience=0)
    calls(told, call("c1", arguments='{"a": 1, "b": 2}'))
    told.says(600)  # "Hello? Are you still there?"
    calls(told, call("c2", arguments='{"b": 2, "a": 1}'), response="resp_2")
    finished(told, "c1")
    assert len(told.all(do.RunTool)) == 1
    assert outputs(told) == {"c1": "found", "c2": "found"}
    assert [s.status for s in told.all(do.ShowTool)] == ["running", "running", "done", "done"]


def test_who_hangs_up_leaves_no_call_without_an_output() -> None:
    told = story()
    calls(told, call("c1"), call("c2", "ship"))
    told.feed(on.CallerLeft("hung up"))
    assert set(outputs(told)) == {"c1", "c2"}
    assert {one.call_id for one in told.all(do.CancelTool)} == {"c1", "c2"}
    assert isinstance(told.log[-1][1], do.End)


def test_a_lost_model_is_not_told_and_its_tools_are_stopped() -> None:
    told = story()
    calls(told, call())
    told.feed(on.AssistantLost("gone"))
    finished(told)
    assert outputs(told) == {}
    assert told.all(do.CancelTool) == [do.CancelTool("c1")]


def test_what_is_remembered_is_bounded() -> None:
    told = story(rounds=10_000)
    for number in range(REMEMBERED + 50):
        calls(told, call(f"c{number}"), response=f"resp_{number}")
        finished(told, f"c{number}")
    assert len(outputs(told)) == REMEMBERED + 50
    assert len(told.call._tools._ledger) == REMEMBERED


# ---------------------------------------------------------------- late results


@pytest.mark.parametrize(
    ("late", "output", "answers"),
    [("speak_when_free", "found", 3), ("next_turn", "found", 2), ("drop", say.DROPPED, 2)],
)
def test_a_late_result_follows_the_policy_of_its_tool(
    late: Late, output: str, answers: int
) -> None:
    told = story(spec("look_up", late=late), patience=0)
    calls(told, call())
    told.says(600)  # something else
    told.answers(500, response="resp_2")
    told.wait(600)
    finished(told)
    assert outputs(told) == {"c1": output}
    assert len(told.all(do.Respond)) == answers


def test_a_result_for_which_the_caller_has_waited_is_spoken_of_whatever_its_policy() -> None:
    told = story(spec("look_up", late="drop"), patience=0)
    calls(told, call())
    finished(told)
    assert outputs(told) == {"c1": "found"}
    assert len(told.all(do.Respond)) == 2


# ---------------------------------------------------------------- cancelling by saying so


def test_from_the_first_wait_on_the_model_may_stop_what_runs_because_the_caller_says_so() -> None:
    told = story()
    calls(told, call())
    assert not told.all(do.OfferTools)
    told.wait(1_000)
    assert told.all(do.OfferTools)[0].tools[-1] == CANCEL
    told.answers(300, response="resp_2")
    told.wait(400)
    told.says(600)  # "Never mind."
    calls(told, call("c2", CANCEL.name), response="resp_3")
    assert told.all(do.CancelTool) == [do.CancelTool("c1")]
    assert outputs(told) == {"c1": say.CANCELLED, "c2": say.stopped("look_up")}
    finished(told)  # it could not be stopped any more
    assert len(outputs(told)) == 2
    assert told.all(do.Respond)[-1] == do.Respond()


def test_with_nothing_under_way_there_is_nothing_to_stop() -> None:
    told = story()
    calls(told, call("c1", CANCEL.name))
    assert outputs(told) == {"c1": say.NOTHING_RUNS}


# ---------------------------------------------------------------- models that call badly


def test_a_model_that_gets_the_arguments_wrong_may_mend_them_twice() -> None:
    told = story()
    for number in range(4):
        calls(told, call(f"c{number}", arguments=f"{number}"), response=f"resp_{number}")
        finished(told, f"c{number}", "a is missing.", failed=True, mend=True)
    kept = outputs(told)
    assert [kept["c0"], kept["c1"]] == ["a is missing."] * 2
    assert kept["c2"] == kept["c3"] == say.give_up("look_up")
    assert len(told.all(do.RunTool)) == 3
    told.says(600)
    calls(told, call("c9"), response="resp_9")
    finished(told, "c9")
    assert outputs(told)["c9"] == "found"


def test_a_model_that_calls_for_ever_is_made_to_answer_in_words() -> None:
    told = story(rounds=3)
    for number in range(20):
        if len(told.all(do.Respond)) > number:
            calls(told, call(f"c{number}"), response=f"resp_{number}")
            finished(told, f"c{number}")
    assert len(told.all(do.RunTool)) == 3
    assert outputs(told)["c3"] == say.TOO_MANY_ROUNDS
    assert [one.may_call for one in told.all(do.Respond)] == [True] * 4 + [False] * 2
    assert [one.code for one in told.all(do.ShowNotice)] == ["too_many_tools"]
    told.wait(60_000)
    told.says(600)
    assert told.all(do.Respond)[-1] == do.Respond()


def test_too_many_at_once_and_arguments_without_end_are_refused() -> None:
    told = story(at_once=2)
    made = [call(f"c{number}", arguments=f'{{"n": {number}}}') for number in range(3)]
    calls(told, *made, call("long", arguments="x" * (ARGUMENTS + 1)))
    assert outputs(told)["c2"] == say.TOO_MANY_AT_ONCE
    assert outputs(told)["long"].startswith("The arguments are too long: 65537 characters")
    assert max(len(one.arguments) for one in told.all(do.ShowTool)) <= ARGUMENTS


# ---------------------------------------------------------------- early starts and other tools


def test_a_tool_begins_on_arguments_that_are_being_written_and_stops_if_they_come_to_nothing() -> (
    None
):
    told = story(spec("look_up", prefetch=True))
    told.begins()
    for piece in ('{"a"', ": 1}"):
        told.feed(on.ToolArguments("c1", "look_up", piece))
    assert [one.arguments for one in told.all(do.PrefetchTool)] == ['{"a"', '{"a": 1}']
    told.ends("resp_1", "cancelled")
    assert told.all(do.CancelTool) == [do.CancelTool("c1")]


def test_tools_that_come_and_go_are_offered_in_the_live_call() -> None:
    told = story()
    told.feed(on.ToolsChanged((spec("new"),)))
    assert told.all(do.OfferTools) == [do.OfferTools((spec("new"),))]
    early = Story(Plan(tools=(spec(),)), connected=False)
    early.feed(on.ToolsChanged((spec("new"),)))
    early.feed(on.AssistantReady())
    (configured,) = early.all(do.Configure)
    assert configured.plan.tools == (spec("new"),)
    assert json.loads(json.dumps(configured.plan.tools[0].parameters)) == BARE
