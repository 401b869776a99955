"""Stories of whole calls, told to the core in virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audio.pcm import silence
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.plan import IdlePolicy, Plan
from tests.call.story import Story, plan

ORDER = on.ToolCall("call_1", "look_up_order", '{"order_number": "4217"}')
TIME = on.ToolCall("call_2", "current_time", "{}")


def test_a_turn_is_committed_and_answered_after_the_hang_over() -> None:
    story = Story()
    story.speaks(1000)
    spoken = story.now / 1000
    story.silent(400)
    assert story.times(do.Commit) == [spoken + 360]
    assert story.times(do.Respond) == [spoken + 360]
    story.answers(500)
    assert story.samples(do.Play) > 0


def test_the_model_is_configured_before_anything_else() -> None:
    story = Story()
    assert isinstance(story.log[0][1], do.Configure)


def test_what_the_caller_says_before_the_model_is_there_is_not_lost() -> None:
    story = Story(connected=False)
    story.says(1000)
    assert not story.all(do.SendAudio)
    story.feed(on.AssistantReady())
    kinds = [type(effect) for _, effect in story.log if isinstance(effect, do.ToAssistant)]
    assert kinds[0] is do.Configure
    assert kinds[-2:] == [do.Commit, do.Respond]
    assert story.samples(do.SendAudio) >= 24_000


def test_a_greeting_is_asked_for_once_both_sides_are_there() -> None:
    story = Story(replace(Plan(), greeting="Say hello."))
    assert story.all(do.Respond) == [do.Respond("Say hello.")]


def test_a_cough_is_no_turn() -> None:
    story = Story()
    story.says(120)
    assert not story.all(do.Commit)
    assert len(story.all(do.ClearInput)) == 1
    assert not story.all(do.Respond)


def test_a_click_does_not_even_open_the_gate() -> None:
    story = Story()
    story.says(40)
    assert not story.all(do.SendAudio)


def test_barge_in_flushes_cancels_and_truncates_in_one_step() -> None:
    story = Story()
    story.says(1000)
    story.begins()
    story.voice(3000)
    story.wait(1000)
    story.new()
    story.speaks(100)
    order = [e for e in story.new() if isinstance(e, do.Flush | do.Cancel | do.Truncate)]
    assert [type(effect) for effect in order] == [do.Flush, do.Cancel, do.Truncate]
    times = {at for at, e in story.log if isinstance(e, do.Flush | do.Cancel | do.Truncate)}
    assert len(times) == 1


def test_barge_in_truncates_where_the_caller_stopped_hearing() -> None:
    story = Story()
    story.says(1000)
    story.answers(3000)
    begun = story.times(do.Play)[0]
    story.wait(700)
    story.speaks(100)
    heard_ms = story.times(do.Flush)[0] - begun
    assert story.all(do.Truncate) == [do.Truncate("item_a", round(heard_ms * 24))]


def test_an_item_of_which_nothing_was_heard_is_deleted() -> None:
    story = Story()
    story.says(1000)
    story.begins()
    story.voice(1000, "item_a")
    story.voice(1000, "item_b")
    story.wait(300)
    story.speaks(100)
    assert [e.item_id for e in story.all(do.Truncate)] == ["item_a"]
    assert story.all(do.Delete) == [do.Delete("item_b")]


def test_an_item_that_was_heard_to_its_end_is_left_alone() -> None:
    story = Story()
    story.says(1000)
    story.begins()
    story.voice(500, "item_a")
    story.feed(on.ItemEnded("resp_1", "item_a"))
    story.voice(2000, "item_b")
    story.wait(1000)
    story.speaks(100)
    assert [e.item_id for e in story.all(do.Truncate)] == ["item_b"]


def test_late_deltas_of_a_cancelled_answer_are_never_heard() -> None:
    story = Story()
    story.says(1000)
    story.begins()
    story.voice(500)
    story.wait(200)
    story.speaks(100)
    story.new()
    story.voice(500)
    story.voice(500, "item_late")
    story.voice(500, "item_late")
    story.wait(1000)
    rest = story.new()
    assert not [e for e in rest if isinstance(e, do.Play)]
    assert [e for e in rest if isinstance(e, do.Delete)] == [do.Delete("item_late")]


def test_an_answer_cancelled_before_it_began_is_dropped_when_it_begins() -> None:
    story = Story()
    story.says(1000)
    story.speaks(200)
    assert story.all(do.Cancel) == [do.Cancel("")]
    story.begins()
    story.voice(500)
    assert not story.all(do.Play)
    story.ends(status="cancelled")
    story.silent(400)
    assert len(story.all(do.Respond)) == 2


def test_no_answer_is_asked_for_while_one_is_being_made() -> None:
    story = Story()
    story.says(1000)
    story.begins()
    story.feed(on.CallerText("and another thing"))
    assert len(story.all(do.Respond)) == 1
    story.ends(status="cancelled")
    assert len(story.all(do.Respond)) == 2


def test_reports_of_the_caller_lead_over_the_clock() -> None:
    story = Story(reports=True)
    story.says(1000)
    story.answers(3000)
    story.wait(400)
    story.feed(on.CallerPlayed("item_a", 4800, 0))
    story.wait(20)
    story.speaks(100)
    assert story.all(do.Truncate) == [do.Truncate("item_a", 4800 + 120 * 24)]


def test_a_report_from_before_a_flush_proves_nothing() -> None:
    story = Story(reports=True)
    story.says(1000)
    story.answers(3000)
    story.wait(200)
    story.speaks(100)
    story.silent(400)
    story.answers(3000, item="item_b", response="resp_2")
    story.feed(on.CallerPlayed("item_b", 24_000, 0))
    story.speaks(100)
    assert story.all(do.Delete)[-1] == do.Delete("item_b")


def test_the_transcript_is_cut_at_what_was_heard() -> None:
    story = Story()
    story.says(1000)
    story.answers(4000, "one two three four five six seven eight")
    story.wait(1900)
    story.speaks(100)
    line = story.lines()["item_a"]
    assert line.cut
    assert line.final
    assert line.text == "one two three four"


def test_a_line_that_was_heard_to_its_end_is_final_and_whole() -> None:
    story = Story()
    story.says(1000)
    story.answers(500, "Hello.")
    story.wait(600)
    line = story.lines()["item_a"]
    assert (line.text, line.final, line.cut) == ("Hello.", True, False)


def test_the_callers_words_carry_the_time_at_which_they_were_said() -> None:
    story = Story()
    story.silent(1000)
    story.speaks(1000)
    story.silent(400)
    story.feed(on.TurnCommitted("item_u"))
    story.feed(on.CallerWords("item_u", "Where is ", final=False))
    story.feed(on.CallerWords("item_u", "Where is my order?", final=True))
    line = story.lines()["item_u"]
    assert (line.role, line.text, line.final, line.at) == (
        "caller",
        "Where is my order?",
        True,
        1_000_000,
    )


def test_parallel_tools_are_answered_once_each_and_followed_by_one_answer() -> None:
    story = Story()
    story.says(1000)
    story.begins()
    story.ends(calls=(ORDER, TIME))
    assert [e.call_id for e in story.all(do.RunTool)] == ["call_1", "call_2"]
    story.feed(on.ToolFinished("call_2", "noon"))
    assert len(story.all(do.Respond)) == 1
    story.feed(on.ToolFinished("call_1", "shipped"))
    story.feed(on.ToolFinished("call_1", "shipped twice"))
    assert story.all(do.SendToolOutput) == [
        do.SendToolOutput("call_2", "noon"),
        do.SendToolOutput("call_1", "shipped"),
    ]
    assert len(story.all(do.Respond)) == 2


def test_a_tool_of_a_cancelled_answer_is_not_run_and_yet_answered() -> None:
    story = Story()
    story.says(1000)
    story.begins()
    story.speaks(100)
    story.ends(status="cancelled", calls=(ORDER,))
    assert not story.all(do.RunTool)
    assert [e.call_id for e in story.all(do.SendToolOutput)] == ["call_1"]


def test_a_result_that_comes_while_the_caller_speaks_waits_for_the_end_of_the_turn() -> None:
    story = Story()
    story.says(1000)
    story.begins()
    story.ends(calls=(ORDER,))
    story.speaks(500)
    story.feed(on.ToolFinished("call_1", "shipped"))
    assert len(story.all(do.SendToolOutput)) == 1
    assert len(story.all(do.Respond)) == 1
    story.silent(400)
    assert len(story.all(do.Respond)) == 2


def test_speech_that_was_none_lets_the_assistant_go_on() -> None:
    story = Story()
    story.says(1000)
    story.answers(5000)
    story.wait(500)
    story.speaks(120)
    story.silent(400)
    assert "Go on from where you stopped" in story.all(do.Respond)[-1].instructions


def test_audio_goes_out_at_most_the_lead_ahead_of_the_ear() -> None:
    story = Story()
    story.says(1000)
    story.answers(2000)
    sent = 0
    begun = story.times(do.Play)[0]
    story.wait(3000)
    for at, effect in story.log:
        if isinstance(effect, do.Play):
            sent += len(effect.pcm) // 2
            heard = (at / 1000 - begun) * 24
            assert sent - heard <= 240 * 24
    assert sent == 2000 * 24


def test_nothing_is_lost_or_repeated_on_the_way_to_the_caller() -> None:
    story = Story()
    story.says(1000)
    story.begins()
    pieces = [bytes([n, 0]) * 700 for n in range(60)]
    for piece in pieces:
        story.feed(on.AssistantAudio("resp_1", "item_a", piece))
        story.wait(5)
    story.ends()
    story.wait(3000)
    plays = story.all(do.Play)
    assert b"".join(play.pcm for play in plays) == b"".join(pieces)
    position = 0
    for play in plays:
        assert play.position == position
        position += len(play.pcm) // 2


def test_the_latency_is_from_the_end_of_speech_to_the_first_sound() -> None:
    story = Story()
    story.says(1000)
    story.wait(100)
    story.answers(500)
    (latency,) = story.all(do.ShowLatency)
    assert latency.voice_to_voice == 500_000


def test_a_lost_assistant_is_said_in_words_and_ends_the_call() -> None:
    notice = silence(24_000)
    story = Story(replace(Plan(), lost_notice=notice))
    story.says(1000)
    story.begins()
    story.voice(400)
    story.feed(on.AssistantLost("the server closed the connection"))
    story.wait(2000)
    assert [n.code for n in story.all(do.ShowNotice)] == ["assistant_lost"]
    assert sum(len(p.pcm) for p in story.all(do.Play) if p.item_id == "notice") == len(notice)
    (end,) = story.all(do.End)
    assert end.reason == "assistant lost: the server closed the connection"
    assert story.times(do.End)[0] >= 1400 + 1400


def test_after_the_end_nothing_happens() -> None:
    story = Story()
    story.feed(on.CallerLeft("hung up"))
    assert story.all(do.End) == [do.End("hung up")]
    story.new()
    story.says(1000)
    story.feed(on.AssistantLost("gone"))
    assert story.new() == []
    assert story.call.deadline is None


def test_a_caller_who_leaves_stops_the_answer_and_the_tools() -> None:
    story = Story()
    story.says(1000)
    story.begins()
    story.ends(calls=(ORDER,))
    story.feed(on.CallerLeft("hung up"))
    assert story.all(do.CancelTool) == [do.CancelTool("call_1")]


def test_hanging_up_waits_for_the_last_words() -> None:
    story = Story()
    story.says(1000)
    story.answers(1000)
    story.feed(on.HangUpOrdered("goodbye"))
    assert not story.all(do.End)
    story.wait(1100)
    assert story.all(do.End) == [do.End("goodbye")]


def test_an_idle_caller_is_asked_and_then_let_go() -> None:
    story = Story(
        replace(Plan(), idle=IdlePolicy(after=10_000_000, prompt="Still there?", limit=2))
    )
    for asked, turn in enumerate(("resp_1", "resp_2"), start=1):
        story.wait(10_600)
        assert story.all(do.Respond) == [do.Respond("Still there?")] * asked
        story.answers(500, item=f"item_{turn}", response=turn)
    story.wait(11_000)
    assert story.all(do.End) == [do.End("idle")]


def test_a_failed_answer_is_asked_for_again_with_growing_pauses() -> None:
    story = Story()
    story.says(1000)
    for times, pause in enumerate((1.0, 2.0, 4.0, 8.0), start=1):
        story.begins(f"resp_{times}")
        story.feed(on.ResponseEnded(f"resp_{times}", "failed", "limit", code="rate_limit_exceeded"))
        story.wait(pause * 1000 - 10)
        assert len(story.all(do.Respond)) == times
        story.wait(210)
        assert len(story.all(do.Respond)) == times + 1
    story.begins("resp_5")
    story.feed(on.ResponseEnded("resp_5", "failed", "limit", code="rate_limit_exceeded"))
    story.wait(20_000)
    assert len(story.all(do.Respond)) == 5
    assert [n.code for n in story.all(do.ShowNotice)] == ["answer_failed"]


def test_a_model_that_never_answers_is_given_up() -> None:
    story = Story()
    story.says(1000)
    story.wait(21_000)
    assert [n.code for n in story.all(do.ShowNotice)] == ["no_answer"]
    assert story.state() == "listening"


def test_a_refused_request_is_made_again_after_the_answer_that_was_in_its_way() -> None:
    story = Story()
    story.says(1000)
    code = "conversation_already_has_active_response"
    story.feed(on.AssistantRefused(code, "wait", "response.create-1"))
    story.begins("resp_other")
    story.ends("resp_other")
    assert len(story.all(do.Respond)) >= 2


def test_digits_are_told_as_text_after_a_pause() -> None:
    story = Story()
    for digit in "42":
        story.feed(on.CallerDigit(digit))
        story.wait(300)
    story.wait(1500)
    assert story.all(do.SendText) == [do.SendText("The caller pressed 4 2 on the telephone.")]
    assert len(story.all(do.Respond)) == 1


def test_a_hash_ends_the_digits_at_once() -> None:
    story = Story()
    story.feed(on.CallerDigit("7"))
    story.feed(on.CallerDigit("#"))
    assert story.all(do.SendText) == [do.SendText("The caller pressed 7 # on the telephone.")]


def test_a_key_in_the_middle_of_speech_does_not_end_the_turn() -> None:
    story = Story()
    story.speaks(500)
    story.silent(300)
    story.feed(on.CallerDigit("5"))
    story.silent(200)
    assert not story.all(do.Commit)


def test_a_caller_who_mutes_in_the_middle_of_speech_is_answered_all_the_same() -> None:
    story = Story()
    story.speaks(1000)
    story.wait(1000)
    assert len(story.all(do.Commit)) == 1
    assert len(story.all(do.Respond)) == 1


def test_a_caller_who_must_not_interrupt_does_not() -> None:
    story = Story(plan(interruptible=False))
    story.says(1000)
    story.answers(2000)
    story.wait(300)
    story.speaks(1000)
    assert not story.all(do.Flush)
    assert len(story.all(do.Commit)) == 1


@pytest.mark.parametrize("detector", ["server", "semantic"])
def test_the_models_own_detector_decides_where_the_plan_says_so(detector: str) -> None:
    story = Story(plan(detector=detector))
    story.speaks(1000)
    story.feed(on.SpeechStarted("item_u", 0))
    story.silent(500)
    assert not story.all(do.Commit)
    story.feed(on.SpeechStopped("item_u", 24_000))
    story.feed(on.TurnCommitted("item_u"))
    assert not story.all(do.Respond)
    story.answers(3000)
    story.wait(500)
    story.speaks(200)
    assert not story.all(do.Flush)
    story.feed(on.SpeechStarted("item_v", 60_000))
    assert len(story.all(do.Flush)) == 1
    assert len(story.all(do.Truncate)) == 1


def test_in_server_mode_a_result_is_answered_with_the_turn_that_the_model_began_itself() -> None:
    story = Story(plan(detector="server"))
    story.begins()
    story.ends(calls=(ORDER,))
    story.feed(on.SpeechStarted("item_u", 0))
    story.feed(on.ToolFinished("call_1", "shipped"))
    story.feed(on.SpeechStopped("item_u", 24_000))
    asked = len(story.all(do.Respond))
    story.begins("resp_2")
    story.ends("resp_2")
    assert len(story.all(do.Respond)) == asked


def test_the_state_follows_the_conversation() -> None:
    story = Story()
    story.says(1000)
    story.answers(500)
    story.wait(600)
    assert [s.state for s in story.all(do.ShowState)] == [
        "hearing",
        "thinking",
        "speaking",
        "listening",
    ]


def test_words_of_a_turn_that_was_none_are_taken_back() -> None:
    story = Story()
    story.speaks(120)
    story.feed(on.CallerWords("item_u", "Hm", final=False))
    story.silent(400)
    line = story.lines()["item_u"]
    assert (line.text, line.final) == ("", True)


def test_what_was_typed_or_pressed_stands_in_the_transcript() -> None:
    story = Story()
    story.feed(on.CallerText("hello"))
    story.feed(on.CallerDigit("7"))
    story.feed(on.CallerDigit("#"))
    assert [(line.role, line.text) for line in story.lines().values()] == [
        ("caller", "hello"),
        ("caller", "[pressed 7#]"),
    ]


def test_an_answer_of_more_items_than_anybody_speaks_is_cut() -> None:
    story = Story()
    story.says(500)
    story.begins()
    for number in range(100):
        story.words("x", item=f"item_{number}")
    assert [notice.code for notice in story.all(do.ShowNotice)] == ["answer_too_long"]
    assert story.all(do.Cancel) == [do.Cancel("resp_1")]
    assert do.Delete("item_99") in story.all(do.Delete)
    assert not story.all(do.Truncate)
