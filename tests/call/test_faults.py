"""What a model's server may answer with, and what becomes of the call: each code has its policy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.assistants.reasons import FATAL
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call import faults
from gateway.call.faults import POLICIES, Policy, asked_to_wait, of_failure, of_refusal, there_is
from gateway.call.plan import Plan, RecoveryPolicy, TurnPolicy
from tests.call.story import Story

SECOND = 1_000_000
HOLD = b"\1\0" * 24_000
TWO = RecoveryPolicy(assistants=2, patience=20 * SECOND)
ACTIVE = "conversation_already_has_active_response"


def story(policy: RecoveryPolicy = TWO, **plan: object) -> Story:
    return Story(replace(Plan(recovery=policy, hold_notice=HOLD), **plan))  # type: ignore[arg-type]


def fails(tale: Story, code: str, message: str = "", response: str = "resp_1") -> None:
    tale.begins(response)
    tale.feed(on.ResponseEnded(response, "failed", f"{code}: {message}", code=code))


def refuse(tale: Story, code: str, request: str = "", message: str = "no") -> None:
    tale.feed(on.AssistantRefused(code, message, request))


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("Rate limit reached. Please try again in 1.2s. Visit the site.", 1.2),
        ("try again in 350ms", 0.35),
        ("Please try again in 1m2.5s.", 62.5),
        ("Try again in 6m0s.", 360),
        ("try again in 3 s", 3),
        ("Try again in a while.", None),
        ("Try again.", None),
        ("", None),
    ],
)
def test_the_servers_own_pause_is_read(said: str, seconds: float | None) -> None:
    assert asked_to_wait(said) == (None if seconds is None else round(seconds * SECOND))


def test_what_there_is_of_an_item_is_read() -> None:
    assert there_is("Audio content of 3700ms is already shorter than 3760ms") == 3700
    assert there_is("Invalid value: 'foo'.") is None


def test_advice_is_given_for_codes_that_end_a_session_and_for_no_others() -> None:
    assert all(faults.ends_session(code) for code in FATAL)


def test_what_nobody_knows_is_tried_again_and_never_ends_anything() -> None:
    assert of_refusal("brand_new") is Policy.TELL
    assert of_failure("brand_new") is of_failure("") is Policy.BACK_OFF
    assert not faults.ends_session("brand_new")


@pytest.mark.parametrize("code", [*POLICIES, "brand_new", ""])
def test_no_error_mutes_or_ends_a_call_that_has_somebody_to_go_on_with(code: str) -> None:
    tale = story()
    for request in ("", "session.update-1", "conversation.item.truncate-2", "response.cancel-3"):
        refuse(tale, code, request)
    tale.says(600)
    tale.wait(100)
    assert tale.all(do.Respond)
    tale.answers(300, "Here I am.")
    tale.wait(1000)
    assert tale.samples(do.Play) >= 300 * 24
    assert not tale.all(do.End)


def test_a_limit_is_waited_for_as_long_as_the_server_says_and_the_caller_is_told() -> None:
    tale = story()
    tale.says(600)
    fails(tale, "rate_limit_exceeded", "Please try again in 1.2s.")
    tale.wait(1190)
    assert len(tale.all(do.Respond)) == 1
    assert tale.samples(do.Play) > 0, "it takes a moment"
    tale.wait(220)
    assert len(tale.all(do.Respond)) == 2
    assert not tale.all(do.Dial)
    assert not [n for n in tale.all(do.ShowNotice) if n.code == "answer_failed"]


def test_a_limit_that_lasts_is_left_to_another_assistant() -> None:
    tale = story()
    tale.says(600)
    fails(tale, "rate_limit_exceeded", "Please try again in 20s.")
    assert tale.all(do.Dial) == [do.Dial(1, 1)]
    tale.new()
    tale.feed(on.AssistantReady(epoch=1))
    assert [e for e in tale.new() if isinstance(e, do.Respond)] == [do.Respond()]


def test_an_answer_that_fails_again_and_again_is_asked_of_a_new_session() -> None:
    tale = story(RecoveryPolicy(assistants=1, patience=20 * SECOND))
    tale.says(600)
    for number in range(5):
        fails(tale, "server_error", response=f"resp_{number}")
        tale.wait(10_000)
    assert tale.all(do.Dial)[0] == do.Dial(0, 1)
    assert not tale.all(do.End)


def test_without_credit_the_next_assistant_is_asked_and_the_first_never_again() -> None:
    tale = story()
    tale.says(600)
    fails(tale, "insufficient_quota", "You exceeded your current quota.")
    assert tale.all(do.Dial) == [do.Dial(1, 1)]
    tale.feed(on.AssistantReady(epoch=1))
    tale.answers(300)
    tale.feed(on.AssistantLost("gone", "", 1))
    assert tale.all(do.Dial)[-1].assistant == 1


def test_without_credit_anywhere_the_caller_is_told_and_the_call_ends() -> None:
    tale = story(RecoveryPolicy(), lost_notice=b"\1\0" * 2400)
    tale.says(600)
    fails(tale, "insufficient_quota")
    tale.wait(3000)
    assert tale.samples(do.Play) == 2400
    (end,) = tale.all(do.End)
    assert "insufficient_quota" in end.reason


def test_what_a_session_says_that_was_given_up_is_nothing() -> None:
    tale = story()
    tale.says(600)
    fails(tale, "insufficient_quota")
    tale.answers(300, "Too late.", response="resp_9")
    assert not tale.all(do.Play)


def test_an_answer_that_nobody_knows_is_waited_for_then_stopped_then_left() -> None:
    tale = story()
    tale.says(600)
    for _ in range(6):
        refuse(tale, ACTIVE, "response.create-1", "Wait for resp_ghost.")
        tale.wait(1010)
    assert len(tale.all(do.Respond)) == 5, "once a second, not as fast as it goes"
    assert tale.all(do.Cancel) == [do.Cancel("resp_ghost")]
    assert tale.all(do.Dial)


def test_a_cut_beyond_the_end_is_made_at_the_end_once() -> None:
    tale = story()
    said = "Audio content of 3700ms is already shorter than 3760ms"
    for _ in range(2):
        tale.feed(
            on.AssistantRefused("invalid_value", said, "conversation.item.truncate-1", "item_a")
        )
    assert tale.all(do.Truncate) == [do.Truncate("item_a", 3700 * 24)]


def test_a_voice_that_may_not_change_does_not_cost_the_instructions() -> None:
    tale = story(instructions="Be kind.", voice="marin")
    refuse(tale, "cannot_update_voice", "session.update-1")
    last = tale.all(do.Configure)[-1].plan
    assert (last.instructions, last.voice) == ("Be kind.", "")


def test_a_turn_that_was_too_short_to_commit_is_not_the_next_one() -> None:
    tale = story()
    tale.says(300)
    tale.says(300)
    refuse(tale, "input_audio_buffer_commit_empty", "input_audio_buffer.commit-1")
    tale.feed(on.TurnCommitted("item_2"))
    assert [t.turn for t in tale.all(do.ShowTurn) if t.phase == "committed"] == [2]


def test_a_request_that_goes_unanswered_is_asked_of_another_session() -> None:
    tale = story()
    tale.says(600)
    tale.wait(1010)
    assert tale.all(do.Dial) == [do.Dial(0, 1)]
    assert not tale.all(do.Use), "it may be only slow"
    tale.feed(on.AssistantReady(epoch=1))
    assert do.Use(1) in tale.all(do.Use)
    assert len(tale.all(do.Respond)) == 2
    tale.wait(1300)
    assert tale.all(do.Dial)[-1] == do.Dial(1, 2), "then of another assistant"


def test_a_server_that_is_known_to_be_slow_is_given_time() -> None:
    tale = story()
    tale.says(600)
    tale.wait(900)
    tale.answers(300)
    tale.wait(1000)
    tale.says(600)
    tale.wait(1700)
    assert not tale.all(do.Dial)


def test_a_sentence_that_stands_still_is_gone_on_with_in_another_session() -> None:
    tale = story()
    tale.says(600)
    tale.begins()
    tale.words("One, two")
    tale.voice(500)
    tale.wait(2600)
    assert tale.all(do.Dial) == [do.Dial(0, 1)]
    tale.feed(on.AssistantReady(epoch=1))
    assert tale.all(do.Respond)[-1].instructions.startswith("You were cut off")


@pytest.mark.parametrize("reason", ["Try again", "Try again."])
def test_the_reason_for_another_line_ends_in_one_full_stop(reason: str) -> None:
    tale = story()
    tale.feed(on.AssistantLost(reason))
    said = [notice.message for notice in tale.all(do.ShowNotice)]
    assert said == ["Try again. Another line is sought."]


def test_the_word_meanwhile_stops_when_the_caller_speaks() -> None:
    tale = story(turns=TurnPolicy(detector="server"))
    tale.feed(on.AssistantLost("gone"))
    tale.wait(900)
    assert tale.all(do.Play)
    tale.speaks(200)
    assert tale.all(do.Flush)
    before = tale.samples(do.Play)
    tale.speaks(2000)
    assert tale.samples(do.Play) == before


def test_a_new_question_is_not_answered_with_the_rest_of_the_last() -> None:
    tale = story()
    tale.says(600)
    tale.begins()
    tale.words("One, two")
    tale.voice(300)
    tale.feed(on.AssistantLost("gone"))
    tale.says(600)
    tale.feed(on.AssistantReady(epoch=1))
    assert tale.all(do.Respond)[-1] == do.Respond()


def test_there_is_room_for_the_gateways_own_words_behind_many_silent_items() -> None:
    tale = story(lost_notice=HOLD)
    tale.says(600)
    tale.begins()
    for number in range(80):
        tale.words("x", item=f"item_{number}")
    tale.feed(on.AssistantLost("gone", "invalid_api_key"))
    tale.wait(1000)
    assert tale.samples(do.Play) > 0


def test_an_answer_whose_end_does_not_come_after_a_function_call_is_asked_for_again() -> None:
    tale = story()
    tale.says(600)
    tale.begins()
    tale.feed(on.ItemEnded("resp_1", "item_call"))
    tale.wait(2010)
    assert tale.all(do.Dial) == [do.Dial(0, 1)]
    tale.feed(on.AssistantReady(epoch=1))
    assert len(tale.all(do.Respond)) == 2
    assert not tale.all(do.RunTool)


def test_an_answer_that_does_not_stop_when_it_is_told_to_is_left_behind() -> None:
    tale = story()
    tale.says(600)
    tale.begins()
    tale.voice(3000)
    tale.wait(500)
    tale.says(600)
    assert tale.all(do.Cancel)
    tale.wait(600)
    tale.feed(on.AssistantReady(epoch=1))
    assert tale.all(do.Respond)[-1] == do.Respond()
    assert do.Use(1) in tale.all(do.Use)
