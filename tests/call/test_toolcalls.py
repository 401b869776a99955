"""Tool calls as stories: one output each, one answer for all of them, nobody left in silence."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call import toolwords as say
from gateway.call.ledger import ARGUMENTS
from gateway.call.plan import Late, Plan, ToolPolicy, ToolSpec
from gateway.call.toolcalls import CANCEL, REMEMBERED
from tests.call.story import Story

BARE: dict[str, Any] = {"type": "object", "properties": {}}


def spec(name: str = "look_up", **policy: Any) -> ToolSpec:
    return ToolSpec(name, f"Does {name}.", BARE, **policy)


def story(*tools: ToolSpec, **policy: Any) -> Story:
    tools = tools or (spec("look_up"), spec("ship"))
    told = Story(Plan(tools=tools, tooling=replace(ToolPolicy(), **policy)))
    told.says(600)  # what the caller wants; an answer is asked for
    return told


def call(call_id: str = "c1", name: str = "look_up", arguments: str = "{}") -> on.ToolCall:
    return on.ToolCall(call_id, name, arguments)


def calls(told: Story, *made: on.ToolCall, response: str = "resp_1", **ended: Any) -> None:
    """The model answers with function calls alone."""
    told.begins(response)
    told.new()
    told.ends(response, calls=made, **ended)


def finished(told: Story, call_id: str = "c1", output: str = "found", **how: Any) -> None:
    told.feed(on.ToolFinished(call_id, output, **how))


def outputs(told: Story) -> dict[str, str]:
    every = told.all(do.SendToolOutput)
    assert len({one.call_id for one in every}) == len(every), "a call was answered twice"
    return {one.call_id: one.output for one in every}


def fillers(told: Story) -> list[do.Respond]:
    return [one for one in told.all(do.Respond) if not one.may_call]


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


# ---------------------------------------------------------------- no dead air


def test_after_a_second_of_silence_the_assistant_says_that_it_takes_a_moment() -> None:
    told = story()
    calls(told, call())
    told.wait(999)
    assert not fillers(told)
    told.wait(1)
    (filler,) = fillers(told)
    assert filler == do.Respond(say.WAITS.format("look up"), may_call=False)


def test_it_says_so_again_at_intervals_of_silence_in_other_words() -> None:
    told = story(interval=3_000_000)
    calls(told, call())
    told.wait(1_000)
    told.answers(1_000, response="resp_2")
    told.wait(1_000 + 2_999)
    assert len(fillers(told)) == 1
    told.wait(30)
    assert [one.instructions for one in fillers(told)][1:] == [say.STILL_WAITS.format("look up")]


def test_silence_counts_from_where_the_assistant_has_said_what_it_is_about_to_do() -> None:
    told = story()
    told.begins()
    told.voice(2_000)
    told.ends(calls=(call(),))  # "Let me look that up for you."
    told.wait(2_900)
    assert not fillers(told)
    told.wait(200)
    assert len(fillers(told)) == 1


def test_a_phrase_of_the_operators_is_said_word_for_word() -> None:
    told = story(phrase="One moment, please.")
    calls(told, call())
    told.wait(1_000)
    assert 'exactly this to the caller, and nothing else: "One moment, please."' in (
        fillers(told)[0].instructions
    )


def test_progress_is_told_when_a_word_is_due_and_what_a_tool_wants_said_at_once() -> None:
    told = story(interval=1_000_000)
    calls(told, call())
    told.feed(on.ToolSaid("c1", "I have found three.", progress=True))
    told.wait(1_000)
    assert "I have found three." in fillers(told)[0].instructions
    told.answers(100, response="resp_2")
    told.wait(200)
    told.feed(on.ToolSaid("c1", 'Your "order" is here.'))
    assert "\"Your 'order' is here.\"" in fillers(told)[1].instructions
    told.answers(100, item="item_b", response="resp_3")
    finished(told)
    told.feed(on.ToolSaid("c1", "Too late."))
    told.wait(5_000)
    assert len(fillers(told)) == 2


def test_the_caller_may_interrupt_the_word_and_the_tool_goes_on() -> None:
    told = story()
    calls(told, call())
    told.wait(1_000)
    told.begins("resp_2")
    told.voice(2_000, response="resp_2")
    told.wait(500)
    told.new()
    told.speaks(200)
    assert any(isinstance(effect, do.Flush) for effect in told.new())
    assert not told.all(do.CancelTool)
    told.ends("resp_2", "cancelled")
    told.silent(400)
    told.answers(300, item="item_c", response="resp_3")
    finished(told)
    assert outputs(told) == {"c1": "found"}


def test_nothing_is_said_while_the_caller_speaks_or_when_it_is_turned_off() -> None:
    told = story()
    calls(told, call())
    told.wait(500)
    told.speaks(3_000)
    assert not fillers(told)
    quiet = story(patience=0)
    calls(quiet, call())
    quiet.wait(20_000)
    assert not fillers(quiet)


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
