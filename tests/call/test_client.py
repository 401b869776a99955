"""A caller that is a program: its own turns, answers, functions, cuts and questions."""

from __future__ import annotations

from dataclasses import replace

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.plan import (
    BudgetPolicy,
    Plan,
    PlaybackPolicy,
    RecoveryPolicy,
    ToolSpec,
    TurnPolicy,
)
from gateway.call.playback import ITEMS
from gateway.call.prices import Prices, Rate
from tests.call.story import Story, plan

LEAD = PlaybackPolicy(lead=3_600_000_000, cut_by="caller")
OURS = ToolSpec("look_up_order", "", {})
THEIRS = ToolSpec("show_map", "", {})
CALLS = {
    "ours": on.ToolCall("call_1", "look_up_order", '{"order_number": "4217"}', "item_1"),
    "theirs": on.ToolCall("call_2", "show_map", "{}", "item_2"),
}


def program(**turns: object) -> Story:
    """A story whose caller plays by itself and says where it stopped."""
    return Story(replace(plan(**turns), playback=LEAD, tools=(OURS,), caller_tools=(THEIRS,)))


def shown(story: Story) -> list[tuple[str, str]]:
    return [(one.response_id, one.status) for one in story.all(do.ShowResponse)]


def test_turns_that_the_caller_ends_send_every_frame_and_ask_for_nothing() -> None:
    story = program(detector="manual", create_response=False)
    story.speaks(200)
    story.silent(2000)
    assert not story.all(do.Commit)
    story.feed(on.CallerOrdered("commit", "caller_1"))
    assert story.samples(do.SendAudio) == 2200 * 24
    assert len(story.all(do.Commit)) == 1
    assert not story.all(do.Respond)
    story.feed(on.AnswerWanted({"metadata": {"a": "b"}}, "caller_2"))
    assert story.all(do.Respond) == [do.Respond("", True, {"metadata": {"a": "b"}}, "caller_2")]


def test_an_empty_commit_and_an_idle_cancel_are_refused_by_their_requests() -> None:
    story = program()
    story.feed(on.CallerOrdered("commit", "caller_1"))
    story.feed(on.CallerOrdered("cancel", "caller_2"))
    refused = [(one.request, one.code) for one in story.all(do.ShowRefusal)]
    assert refused == [
        ("caller_1", "input_audio_buffer_commit_empty"),
        ("caller_2", "response_cancel_not_active"),
    ]


def test_a_turn_is_shown_where_it_lies_in_the_callers_audio() -> None:
    story = program()
    story.silent(1000)
    story.says(1000)
    story.feed(on.TurnCommitted("item_u"))
    turns = [(one.phase, one.position) for one in story.all(do.ShowTurn)]
    assert turns == [("began", 700 * 24), ("ended", 2360 * 24), ("committed", 0)]


def test_a_cough_that_was_shown_is_dropped_again() -> None:
    story = program()
    story.says(120)
    assert [one.phase for one in story.all(do.ShowTurn)] == ["began", "dropped"]


def test_a_program_that_is_interrupted_says_itself_where_it_stopped() -> None:
    story = program()
    story.says(1000)
    story.begins()
    story.words("One two three.")
    story.voice(3000)
    story.wait(500)
    story.speaks(200)
    assert story.all(do.Flush)
    assert story.all(do.Cancel)
    assert not story.all(do.Truncate)
    story.feed(on.CallerCut("item_a", 24_000))
    assert story.all(do.Truncate) == [do.Truncate("item_a", 24_000)]
    assert story.lines()["item_a"].text == "One"
    story.voice(500)  # late
    assert not story.all(do.Delete)


def test_a_sound_of_the_gateways_own_that_a_program_stops_is_no_item_of_the_models() -> None:
    story = program()
    story.feed(on.SoundOrdered("hold_1", bytes(48_000)))
    story.feed(on.CallerCut("hold_1", 100))
    assert story.state() == "listening"
    assert not story.all(do.Truncate)


def test_what_a_program_stops_of_which_there_is_no_sound_was_not_said() -> None:
    story = program()
    story.begins()
    story.words("One two three.")
    story.feed(on.CallerCut("item_a", 100))
    assert story.lines()["item_a"].text == ""


def test_all_of_an_answer_goes_out_as_it_comes() -> None:
    story = program()
    story.says(1000)
    story.begins()
    story.voice(60_000)
    assert story.samples(do.Play) == 60_000 * 24


def test_the_gateways_functions_are_within_one_answer_of_the_callers() -> None:
    story = program()
    story.feed(on.AnswerWanted({"instructions": "Be brief.", "tool_choice": "required"}, "r"))
    story.begins("resp_1")
    usage = on.Usage(input_text=10, output_text=5)
    story.feed(on.ResponseEnded("resp_1", "completed", "", (CALLS["ours"],), usage))
    story.feed(on.ToolFinished("call_1", "It ships."))
    assert story.all(do.Respond)[1] == do.Respond("", True, {"instructions": "Be brief."}, "r")
    story.begins("resp_2")
    story.feed(on.ResponseEnded("resp_2", "completed", "", (), usage))
    first, last = story.all(do.ShowResponse)
    assert (first.response_id, first.status, first.request) == ("resp_1", "in_progress", "r")
    assert (last.response_id, last.status) == ("resp_1", "completed")
    assert last.usage == on.Usage(input_text=20, output_text=10)
    assert not last.calls


def test_the_callers_functions_are_left_to_it_and_it_asks_on() -> None:
    story = program()
    story.says(1000)
    story.begins()
    story.ends(calls=(CALLS["theirs"],))
    assert not story.all(do.RunTool)
    assert story.all(do.ShowResponse)[-1].calls == (CALLS["theirs"],)
    asked = len(story.all(do.Respond))
    story.feed(on.ToolAnswered("call_2", "Here.", "item_9"))
    assert story.all(do.SendToolOutput) == [do.SendToolOutput("call_2", "Here.", "item_9")]
    assert len(story.all(do.Respond)) == asked
    story.feed(on.AnswerWanted({}, "caller_1"))
    assert len(story.all(do.Respond)) == asked + 1


def test_functions_of_both_sides_in_one_answer_are_all_answered_before_it_goes_on() -> None:
    story = program()
    story.says(1000)
    story.begins()
    story.ends(calls=tuple(CALLS.values()))
    assert [one.call_id for one in story.all(do.RunTool)] == ["call_1"]
    asked = len(story.all(do.Respond))
    story.feed(on.ToolAnswered("call_2", "Here."))
    story.feed(on.AnswerWanted({}, "caller_1"))
    assert len(story.all(do.Respond)) == asked, "the gateway's own is still at work"
    story.feed(on.ToolFinished("call_1", "It ships."))
    assert len(story.all(do.Respond)) == asked + 1
    assert len(story.all(do.SendToolOutput)) == 2


def test_speech_while_a_function_runs_ends_the_answer_that_waits_for_it() -> None:
    story = program()
    story.says(1000)
    story.begins()
    story.ends(calls=(CALLS["ours"],))
    assert shown(story) == [("resp_1", "in_progress")]
    story.says(1000)
    assert shown(story)[-1] == ("resp_1", "cancelled")
    assert story.all(do.ShowResponse)[-1].reason == "turn_detected"


def test_an_answer_that_is_interrupted_says_why() -> None:
    story = program()
    story.says(1000)
    story.begins()
    story.voice(1000)
    story.speaks(200)
    story.ends(status="cancelled", reason="client_cancelled")
    assert story.all(do.ShowResponse)[-1].reason == "turn_detected"


def test_a_refused_request_is_refused_to_the_caller() -> None:
    story = program()
    story.feed(on.AnswerWanted({"instructions": "x" * 9}, "caller_1"))
    story.feed(on.AssistantRefused("invalid_value", "Too long.", "response.create-1"))
    assert story.all(do.ShowRefusal) == [do.ShowRefusal("caller_1", "invalid_value", "Too long.")]


def test_a_request_that_the_caller_speaks_into_is_refused_and_not_forgotten() -> None:
    story = program()
    story.says(1000)
    story.begins()
    story.voice(1000)
    story.ends()
    story.feed(on.AnswerWanted({}, "caller_1"))  # the model begins too late
    story.speaks(200)
    story.begins("resp_2")
    story.ends("resp_2", "cancelled")
    last = story.all(do.ShowResponse)[-2:]
    assert [(one.request, one.status) for one in last] == [
        ("caller_1", "in_progress"),
        ("caller_1", "cancelled"),
    ]


def test_who_asks_for_an_answer_when_the_budget_is_spent_is_told_that() -> None:
    prices = Prices(audio=Rate(output=1000))
    story = Story(replace(plan(), prices=prices, budget=BudgetPolicy(shared=True)))
    story.feed(on.AnswerWanted({}, "caller_1"))
    (order,) = story.all(do.Reserve)
    story.feed(on.Reserved(order.number, 0))
    refused = [(one.request, one.code) for one in story.all(do.ShowRefusal)]
    assert refused == [("caller_1", "insufficient_quota")]


def test_an_answer_that_broke_off_ends_where_the_caller_speaks_before_it_can_go_on() -> None:
    away = replace(program(create_response=False).plan, recovery=RecoveryPolicy(1, 20_000_000))
    story = Story(away)
    story.feed(on.AnswerWanted({}, "caller_1"))
    story.begins()
    story.voice(1000)
    story.feed(on.AssistantLost("gone"))
    assert shown(story) == [("resp_1", "in_progress")]
    story.says(1000)
    assert shown(story)[-1] == ("resp_1", "cancelled")
    story.feed(on.AssistantReady(epoch=1))
    story.feed(on.AnswerWanted({}, "caller_2"))
    assert not story.all(do.ShowRefusal)
    assert story.all(do.Respond)[-1].request == "caller_2"


def test_an_answer_that_was_to_stop_does_not_wait_for_its_rest_when_the_session_is_lost() -> None:
    story = Story(replace(program().plan, recovery=RecoveryPolicy(1, 20_000_000)))
    story.feed(on.AnswerWanted({}, "caller_1"))
    story.begins()
    for number in range(ITEMS + 1):  # more than anybody says
        story.words("One", f"item_{number}")
    story.feed(on.AssistantLost("gone"))
    assert shown(story) == [("resp_1", "in_progress"), ("resp_1", "cancelled")]


def test_an_answer_whose_rest_is_not_paid_for_any_more_has_failed() -> None:
    prices = Prices(audio=Rate(output=1000))
    story = Story(replace(program().plan, prices=prices, budget=BudgetPolicy(shared=True)))
    story.feed(on.AnswerWanted({}, "caller_1"))
    story.feed(on.Reserved(1, story.all(do.Reserve)[-1].upto))
    story.begins()
    spent = on.Usage(output_audio=1000)
    story.feed(on.ResponseEnded("resp_1", "completed", calls=(CALLS["ours"],), usage=spent))
    story.feed(on.ToolFinished("call_1", "It ships."))
    assert shown(story) == [("resp_1", "in_progress")]
    for _ in ("what was left is back", "and nothing more to be had"):
        story.feed(on.Reserved(story.all(do.Reserve)[-1].number, 0))
    assert shown(story)[-1] == ("resp_1", "failed")


def test_a_second_request_is_refused_while_an_answer_is_under_way() -> None:
    story = program()
    story.feed(on.AnswerWanted({}, "caller_1"))
    story.feed(on.AnswerWanted({}, "caller_2"))
    story.begins()
    story.ends(calls=(CALLS["ours"],))
    story.feed(on.AnswerWanted({}, "caller_3"))
    refused = [(one.request, one.code) for one in story.all(do.ShowRefusal)]
    active = "conversation_already_has_active_response"
    assert refused == [("caller_2", active), ("caller_3", active)]


def test_an_answer_that_the_model_begins_by_itself_is_the_one_that_was_wanted() -> None:
    story = Story(replace(plan(detector="server"), playback=LEAD))
    story.speaks(200)  # it waits for the end of the speech
    story.feed(on.SpeechStarted("item_u", 0))
    story.feed(on.AnswerWanted({}, "caller_1"))
    story.begins("resp_2")
    assert story.all(do.ShowResponse)[-1].request == "caller_1"


def test_another_plan_is_told_to_the_model_and_turns_follow_it() -> None:
    story = program()
    story.says(1000)
    changed = replace(
        story.plan, instructions="Hush.", turns=TurnPolicy(detector="manual"), tools=()
    )
    story.feed(on.PlanChanged(changed))
    (told,) = [one.plan for one in story.all(do.Configure)[1:]]
    assert (told.instructions, told.tools) == ("Hush.", (OURS,))
    commits = len(story.all(do.Commit))
    story.says(1000)
    assert len(story.all(do.Commit)) == commits


def test_speech_that_may_not_interrupt_is_answered_afterwards() -> None:
    story = program(interrupt_response=False)
    story.says(1000)
    story.begins()
    story.voice(1000)
    story.says(1000)
    assert not story.all(do.Cancel)
    asked = len(story.all(do.Respond))
    story.ends()
    assert len(story.all(do.Respond)) == asked + 1


def test_what_the_call_has_no_word_for_passes_both_ways() -> None:
    story = program()
    message = {"type": "conversation.item.retrieve", "item_id": "item_a"}
    story.feed(on.CallerAsked(message, "caller_1"))
    assert story.all(do.Relay) == [do.Relay(message, "caller_1")]
    answer = {"type": "conversation.item.retrieved", "item": {"id": "item_a"}}
    story.feed(on.AssistantTold(answer))
    assert story.all(do.PassOn) == [do.PassOn(answer)]
    story.feed(on.AssistantRefused("item_retrieve_invalid_item_id", "None.", "caller_1"))
    assert story.all(do.ShowRefusal)[-1].request == "caller_1"


def test_words_that_a_program_puts_in_are_part_of_the_transcript() -> None:
    story = program()
    for role, text in (("user", "My order?"), ("assistant", "Seven."), ("system", "Be brief.")):
        item = {"type": "message", "role": role, "content": [{"type": "x", "text": text}]}
        message = {"type": "conversation.item.create", "item": item}
        story.feed(on.CallerAsked(message, "caller_1"))
    assert [(one.role, one.text) for one in story.all(do.ShowWords)] == [
        ("caller", "My order?"),
        ("assistant", "Seven."),
    ]


def test_a_caller_whose_model_is_lost_is_told_what_comes_to_nothing() -> None:
    story = Story(replace(Plan(), playback=LEAD, lost_notice=bytes(48_000)))
    story.feed(on.AnswerWanted({}, "caller_1"))
    story.begins()
    story.feed(on.AssistantLost("the server left"))
    assert shown(story)[-1] == ("resp_1", "failed")
    story.feed(on.AnswerWanted({}, "caller_2"))
    assert story.all(do.ShowRefusal)[-1].code == "assistant_lost"


def test_the_plan_of_a_program_is_the_default_one_otherwise() -> None:
    assert Plan().turns.create_response
    assert not Plan().turns.by_model
