"""The way to the model is lost, found again, replaced: told as stories."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.plan import Plan, RecoveryPolicy, TurnPolicy
from gateway.call.upstream import GO_ON, REANCHOR
from tests.call.story import Story

SECOND = 1_000_000
TWO = RecoveryPolicy(assistants=2, patience=20 * SECOND)
HOLD = b"\1\0" * 24_000


def story(policy: RecoveryPolicy = TWO, **plan: object) -> Story:
    return Story(replace(Plan(recovery=policy, hold_notice=HOLD), **plan))  # type: ignore[arg-type]


def lost(tale: Story, code: str = "close_1006", epoch: int = 0) -> list[do.Effect]:
    return tale.feed(on.AssistantLost("gone", code, epoch))


def test_a_lost_session_is_dialled_again_at_once_and_told_what_was_said() -> None:
    tale = story()
    tale.says(600)
    tale.feed(on.TurnCommitted("item_u"))
    tale.feed(on.CallerWords("item_u", "Where is my order?", final=True))
    tale.answers(400, "It is on its way.")
    tale.wait(1000)
    tale.new()
    (dial,) = [e for e in lost(tale) if isinstance(e, do.Dial)]
    assert dial == do.Dial(0, 1)
    tale.wait(300)
    tale.new()
    tale.feed(on.AssistantReady("sess_2", "model", epoch=1))
    told = [e for e in tale.new() if not isinstance(e, do.ShowState)]
    assert told[0] == do.Use(1)
    assert isinstance(told[1], do.Configure)
    assert told[2:] == [
        do.Remind("caller", "Where is my order?"),
        do.Remind("assistant", "It is on its way."),
        do.Remind("system", REANCHOR),
    ]
    tale.wait(5000)
    assert not [e for e in tale.new() if isinstance(e, do.Respond)], "nothing is unanswered"


@pytest.mark.parametrize("first", [True, False])
def test_a_session_that_says_twice_that_it_is_open_is_taken_once(first: bool) -> None:
    tale = Story(Plan(recovery=TWO), connected=first)
    tale.new()
    if first:
        tale.feed(on.AssistantReady("sess_1", "model"))
        assert tale.new() == []
    lost(tale)
    tale.feed(on.AssistantReady("sess_2", "model", epoch=1))
    tale.new()
    tale.feed(on.AssistantReady("sess_2", "model", epoch=1))
    assert tale.new() == []


def test_a_turn_that_nobody_answered_is_heard_again_and_answered() -> None:
    tale = story()
    tale.says(600)
    said = tale.samples(do.SendAudio)
    assert len(tale.all(do.Respond)) == 1
    lost(tale)
    tale.new()
    tale.feed(on.AssistantReady(epoch=1))
    orders = tale.new()
    (audio,) = [e for e in orders if isinstance(e, do.SendAudio)]
    assert len(audio.pcm) // 2 == said
    kinds = [type(e) for e in orders]
    assert kinds.index(do.SendAudio) < kinds.index(do.Commit) < kinds.index(do.Respond)


def test_words_said_while_no_model_is_there_are_all_heard_by_the_next() -> None:
    tale = story()
    tale.speaks(300)
    lost(tale)
    tale.speaks(300)
    tale.silent(400)
    before = tale.samples(do.SendAudio)
    tale.new()
    tale.feed(on.AssistantReady(epoch=1))
    orders = tale.new()
    heard = sum(len(e.pcm) // 2 for e in orders if isinstance(e, do.SendAudio))
    assert heard >= 600 * 24, "all of it, from before the loss as well"
    assert heard > before
    assert [e for e in orders if isinstance(e, do.Commit)]
    assert [e for e in orders if isinstance(e, do.Respond)] == [do.Respond()]


def test_an_answer_that_broke_off_is_gone_on_with_from_what_was_heard() -> None:
    tale = story()
    tale.says(600)
    tale.feed(on.TurnCommitted("item_u"))
    tale.feed(on.CallerWords("item_u", "Tell me.", final=True))
    tale.begins()
    tale.words("One, two, ")
    tale.voice(500)
    tale.words("three, four.")
    lost(tale)
    tale.wait(800)
    tale.feed(on.AssistantReady(epoch=1))
    tale.wait(10)
    (respond,) = tale.all(do.Respond)[1:]
    assert respond.instructions == GO_ON
    assert do.Remind("assistant", "One, two, ") in tale.all(do.Remind)
    assert tale.samples(do.Play) >= 500 * 24, "what had come of it is heard"


def test_what_an_earlier_session_says_when_it_is_gone_is_not_a_second_loss() -> None:
    tale = story()
    lost(tale)
    tale.feed(on.AssistantReady(epoch=1))
    tale.new()
    assert lost(tale, epoch=0) == []


def test_the_next_assistant_is_asked_without_a_pause_and_then_with_growing_ones() -> None:
    tale = story()
    lost(tale)
    tale.new()
    times = []
    for epoch in range(1, 7):
        lost(tale, "ConnectionRefusedError", epoch)
        began = tale.now
        while not (dials := [e for e in tale.new() if isinstance(e, do.Dial)]):
            tale.wait(10)
        times.append((dials[0].assistant, (tale.now - began) / 1000))
    assert [assistant for assistant, _ in times] == [1, 0, 1, 0, 1, 0]
    assert [pause for assistant, pause in times if assistant == 1] == [0, 0, 0]
    assert [pause for assistant, pause in times if assistant == 0] == pytest.approx(
        [250, 500, 1000], rel=0.25
    )


def test_one_that_refuses_the_key_is_not_asked_again() -> None:
    tale = story()
    lost(tale, "invalid_api_key")
    assert tale.all(do.Dial) == [do.Dial(1, 1)]
    lost(tale, "ConnectionRefusedError", 1)
    tale.wait(400)
    assert tale.all(do.Dial)[-1] == do.Dial(1, 2)


def test_where_all_refuse_the_call_ends_with_words() -> None:
    tale = story(lost_notice=b"\1\0" * 2400)
    lost(tale, "invalid_api_key")
    lost(tale, "insufficient_quota", 1)
    assert [notice.code for notice in tale.all(do.ShowNotice)][-1] == "assistant_lost"
    tale.wait(2000)
    assert tale.all(do.End) == [do.End("assistant lost: gone")]
    assert tale.samples(do.Play) == 2400


def test_a_call_is_given_up_when_nobody_is_found_in_time() -> None:
    tale = story()
    lost(tale)
    tale.wait(60_000)
    assert tale.all(do.End)
    (end,) = tale.times(do.End)
    assert 20_000 <= end <= 25_000
    assert len(tale.all(do.Dial)) >= 4, "one that does not answer is not waited for"


def test_a_session_that_opens_late_is_taken_before_another_is_dialled() -> None:
    tale = story()
    tale.says(600)
    lost(tale)
    for epoch in (1, 2):  # neither opens in time, and there is a pause before the third
        assert tale.all(do.Dial)[-1].epoch == epoch
        tale.wait(5_010)
    tale.feed(on.AssistantReady(epoch=2))
    assert tale.all(do.Use) == [do.Use(2)]
    tale.wait(500)
    assert len(tale.all(do.Dial)) == 2


def test_the_caller_hears_that_the_line_is_alive() -> None:
    tale = story()
    tale.speaks(600)
    spoken = tale.now
    tale.silent(400)
    lost(tale)
    tale.wait(290)
    assert not tale.all(do.Play)
    tale.wait(20)
    assert tale.all(do.Play)
    assert (tale.times(do.Play)[0] * 1000 - spoken) == pytest.approx(700_000, abs=1000)
    tale.wait(7300)
    assert tale.samples(do.Play) == 2 * 24_000


def test_a_tone_comes_first_and_words_where_it_takes_longer() -> None:
    tone = b"\1\0" * 2_400
    tale = story(hold_tone=tone)
    tale.says(600)
    lost(tale)
    tale.wait(1_400)
    assert tale.samples(do.Play) == 2_400
    tale.wait(400)
    assert tale.samples(do.Play) > 2_400
    tale.wait(6_800)
    assert tale.samples(do.Play) == 2_400 + 2 * 24_000


def test_a_sentence_that_stands_still_has_its_tone_while_another_session_is_sought() -> None:
    tale = story(hold_tone=b"\1\0" * 2_400)
    tale.says(600)
    tale.begins()
    tale.voice(500)
    tale.words("I am look")
    tale.wait(980)
    assert not tale.all(do.Dial)
    tale.wait(500 + 710 - 980)
    assert tale.samples(do.Play) == 12_000 + 2_400
    assert tale.all(do.Dial)


def test_a_server_far_ahead_of_the_callers_ear_may_pause() -> None:
    tale = story()
    tale.says(600)
    tale.begins()
    tale.voice(9_000)
    tale.words("A long story.")
    tale.wait(9_000 - 100)
    assert not tale.all(do.Dial)
    tale.wait(1_100)
    assert tale.all(do.Dial)


def test_nobody_is_told_to_wait_who_is_speaking_or_listening() -> None:
    tale = story()
    tale.begins()
    tale.voice(3000)
    tale.words("A long answer.")
    tale.wait(100)
    lost(tale)
    tale.feed(on.AssistantReady(epoch=1))
    tale.wait(3000)
    assert tale.samples(do.Play) == 3000 * 24


def test_a_session_is_replaced_before_its_end_when_nobody_speaks() -> None:
    hour = 3600 * SECOND
    tale = Story(Plan(recovery=TWO), connected=False)
    tale.feed(on.AssistantReady(limit=hour))
    tale.wait(54 * 60_000)
    assert not tale.all(do.Dial)
    tale.wait(61_000)
    assert tale.all(do.Dial) == [do.Dial(0, 1)]
    tale.speaks(300)
    tale.feed(on.AssistantReady(limit=hour, epoch=1))
    assert not tale.all(do.Use), "not while the caller speaks"
    tale.silent(400)
    tale.answers(1000)
    assert not tale.all(do.Use), "nor while the assistant does"
    tale.wait(2000)
    assert tale.all(do.Use) == [do.Use(1)]
    assert not [n for n in tale.all(do.ShowNotice) if n.code == "assistant_away"]
    tale.wait(56 * 60_000)
    assert tale.all(do.Dial)[1] == do.Dial(0, 2)
    assert tale.times(do.Dial)[1] >= 2 * 55 * 60_000


def test_a_spare_takes_over_at_once_where_the_session_ends_too_early() -> None:
    tale = Story(Plan(recovery=TWO), connected=False)
    tale.feed(on.AssistantReady(limit=600 * SECOND))
    tale.wait(551_000)
    tale.speaks(300)
    tale.feed(on.AssistantReady(epoch=1))
    effects = lost(tale, "session_expired")
    assert do.Use(1) in effects
    assert [e for e in effects if isinstance(e, do.SendAudio)]


def test_tools_at_work_go_on_and_their_outputs_follow() -> None:
    tale = story()
    tale.says(600)
    tale.begins()
    tale.ends(calls=(on.ToolCall("c1", "look", "{}"),))
    lost(tale)
    tale.feed(on.AssistantReady(epoch=1))
    assert tale.all(do.SendToolCall) == [do.SendToolCall("c1", "look", "{}")]
    assert not tale.all(do.CancelTool)
    tale.feed(on.ToolFinished("c1", "found"))
    assert tale.all(do.SendToolOutput) == [do.SendToolOutput("c1", "found")]
    assert len(tale.all(do.RunTool)) == 1


def test_a_greeting_that_was_lost_with_the_line_is_said_once() -> None:
    tale = story(greeting="Greet.")
    lost(tale)
    tale.feed(on.AssistantReady(epoch=1))
    assert [r.instructions for r in tale.all(do.Respond)] == ["Greet.", "Greet."]
    tale.answers(300)
    tale.wait(1000)
    lost(tale, epoch=1)
    tale.feed(on.AssistantReady(epoch=2))
    tale.wait(1000)
    assert len(tale.all(do.Respond)) == 2


def test_a_model_that_detects_turns_hears_what_it_missed() -> None:
    tale = story(turns=TurnPolicy(detector="server"))
    tale.speaks(400)
    lost(tale)
    tale.speaks(200)
    tale.new()
    tale.feed(on.AssistantReady(epoch=1))
    orders = tale.new()
    assert sum(len(e.pcm) // 2 for e in orders if isinstance(e, do.SendAudio)) >= 600 * 24
    assert not [e for e in orders if isinstance(e, do.Commit)]


def test_without_patience_the_call_ends_as_it_always_did() -> None:
    tale = Story()
    lost(tale)
    assert not tale.all(do.Dial)
    tale.wait(10)
    assert tale.all(do.End)


def test_sessions_that_all_break_soon_are_not_sought_for_ever() -> None:
    tale = story(RecoveryPolicy(patience=20 * SECOND))
    epoch = 0
    while not tale.all(do.End) and epoch < 500:
        lost(tale, epoch=epoch)
        while not (dials := [e for e in tale.new() if isinstance(e, do.Dial)]) and not tale.all(
            do.End
        ):
            tale.wait(50)
        epoch = dials[-1].epoch if dials else epoch
        tale.feed(on.AssistantReady(epoch=epoch))
        tale.wait(300)
    assert 20_000 <= tale.times(do.End)[0] <= 30_000


def test_sessions_that_answer_and_then_break_are_sought_as_long_as_it_takes() -> None:
    tale = story()
    for epoch in range(12):  # 36 s, in which none lasts ten
        tale.says(600)
        tale.begins(f"resp_{epoch}")
        tale.ends(f"resp_{epoch}")
        tale.wait(2_000)
        lost(tale, epoch=epoch)
        tale.wait(10)
        tale.feed(on.AssistantReady(epoch=epoch + 1))
    assert not tale.all(do.End)
    assert len(tale.all(do.Use)) == 12
