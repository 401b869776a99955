"""No dead air: what the caller hears while tools take their time."""

from __future__ import annotations

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call import toolwords as say
from tests.call.toolstory import call, calls, fillers, finished, outputs, story


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


def test_a_word_that_could_not_be_said_gives_way_to_the_answer_and_is_not_tried_again() -> None:
    told = story()
    calls(told, call())
    told.wait(1_000)
    refusal = "conversation_already_has_active_response"
    told.feed(on.ResponseStarted("resp_x"))  # the model has begun something by itself
    told.feed(on.AssistantRefused(refusal, "busy", "response.create-2"))
    finished(told)
    told.ends("resp_x")
    assert told.all(do.Respond)[-1] == do.Respond()
    again = story()
    calls(again, call())
    again.wait(1_000)
    again.begins("resp_2")
    again.ends("resp_2", "failed")
    again.wait(1_500)
    finished(again)
    assert [one.may_call for one in again.all(do.Respond)] == [True, False, True]


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
