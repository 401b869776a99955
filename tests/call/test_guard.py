"""What the assistant says under rules: held until it has passed, stopped where it may not be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.guard.remedy import TRIES
from gateway.call.guard.rules import Rule
from gateway.call.plan import Plan, PlaybackPolicy
from tests.call.guardstory import ASKS, NO_ADVICE, asked, guarded, played, sound, story, texts


def test_sound_waits_for_the_end_of_its_sentence_and_then_goes_at_once() -> None:
    told = story()
    told.words("Your parcel ")
    sound(told, 1, 100)
    told.wait(100)
    assert not told.all(do.Play)
    assert texts(told) == ""
    told.words("is on its way. ")
    assert played(told) == {1}
    assert texts(told).strip().endswith("Your parcel is on its way.")


def test_what_a_rule_forbids_is_neither_played_nor_shown() -> None:
    told = story()
    told.words("Well, I see. ")
    sound(told, 1, 300)
    told.words("You should buy ")
    sound(told, 2, 300)
    told.words("shares of it. ")
    sound(told, 3, 300)
    told.wait(2_000)
    assert played(told) == {1}
    assert "buy" not in texts(told)
    assert guarded(told) == [("no-advice", "replace", "assistant")]
    assert told.all(do.Cancel) == [do.Cancel("resp_1")]
    assert told.all(do.Truncate) == [do.Truncate("item_a", 7_200)]  # the 300 ms that had passed
    told.feed(on.ResponseEnded("resp_1", "cancelled"))
    told.wait(1)
    assert "I cannot advise on that." in asked(told)


def test_an_item_of_which_nothing_passed_is_forgotten_by_the_model() -> None:
    told = story()
    told.words("Buy shares!")
    sound(told, 1, 300)
    told.feed(on.ItemEnded("resp_1", "item_a"))
    told.ends()
    told.wait(1_000)
    assert not told.all(do.Play)
    assert told.all(do.Delete) == [do.Delete("item_a")]
    assert not told.all(do.Truncate)
    assert texts(told).strip("| ") == ""


def test_an_answer_that_is_complete_before_it_is_judged_ends_as_cancelled() -> None:
    """Its tools are not run: it was stopped."""
    told = story(ASKS)
    told.words("Something vile.")
    sound(told, 1, 300)
    told.feed(on.ItemEnded("resp_1", "item_a"))
    told.ends(calls=(on.ToolCall("c1", "look_up", "{}"),))
    told.feed(on.Checked("check_1", {"flagged:hate": 1.0}))
    told.wait(1_000)
    assert not told.all(do.Play)
    assert not told.all(do.RunTool)
    assert [one.call_id for one in told.all(do.SendToolOutput)] == ["c1"]
    assert not told.all(do.Cancel)
    assert told.all(do.Delete) == [do.Delete("item_a")]
    assert "Let us go on." in asked(told)


@pytest.mark.parametrize("hold", [True, False], ids=["held", "let through"])
def test_a_stopped_answer_whose_end_crosses_the_order_ends_as_cancelled(hold: bool) -> None:
    """The model had made all of it when it was told to stop."""
    told = story(hold=hold)
    told.words("You should buy shares. ")
    sound(told, 1, 300)
    assert told.all(do.Cancel) == [do.Cancel("resp_1")]
    told.ends(calls=(on.ToolCall("c1", "look_up", "{}"),))
    told.wait(1_000)
    assert [one.status for one in told.all(do.ShowResponse)] == ["in_progress", "cancelled"]
    assert not told.all(do.RunTool)


def test_a_forbidden_phrase_is_found_across_two_sentences() -> None:
    told = story()
    told.words("You may buy. Shares are cheap.")
    sound(told, 1, 300)
    told.wait(500)
    assert not told.all(do.Play)
    assert guarded(told) == [("no-advice", "replace", "assistant")]


def test_an_unfinished_sentence_holds_sound_no_longer_than_the_policy_says() -> None:
    told = story(sentence=250_000)
    told.words("And then there is this and that and")
    sound(told, 1, 600)
    told.wait(249)
    assert not told.all(do.Play)
    told.wait(1)
    assert played(told) == {1}
    told.words(" so you should buy shares")
    sound(told, 2, 100)
    told.wait(1_000)
    assert played(told) == {1}


def test_the_beginning_of_a_number_waits_for_its_end_as_long_as_anything_may() -> None:
    """Spoken slowly, so that no sentence is complete in time."""
    card = Rule("card", ("assistant",), "redact", pii=("card",))
    told = story(card, sentence=250_000, patience=1_500_000)
    for word, mark in zip(("It is ", "4111 ", "1111 ", "1111 ", "1111"), range(5), strict=True):
        told.words(word)
        sound(told, mark + 1, 200)
        told.wait(200)
    told.wait(100)
    told.words(". Fine.")
    told.wait(1_000)
    assert played(told) <= {1}
    assert guarded(told) == [("card", "redact", "assistant")]
    told.feed(on.ResponseEnded("resp_1", "cancelled"))
    assert "Say the rest of your answer again" in asked(told)
    number = story(card, sentence=250_000)
    number.words("It is 4111 1111 ")
    sound(number, 1, 200)
    number.wait(799)
    assert not number.all(do.Play)
    number.wait(2)
    assert played(number) == {1}


def test_words_pass_unanswered_or_are_stopped_as_the_policy_says() -> None:
    for closed in (False, True):
        told = story(ASKS, closed=closed, patience=500_000)
        told.words("All is well.")
        sound(told, 1, 300)
        assert told.all(do.Check) == [do.Check("check_1", "assistant", "All is well.", "")]
        told.wait(499)
        assert not told.all(do.Play)
        told.wait(2)
        assert played(told) == (set() if closed else {1})


def test_an_answer_in_time_lets_the_sentence_go_and_one_for_nothing_changes_nothing() -> None:
    told = story(ASKS)
    told.words("All is well.")
    sound(told, 1, 300)
    told.feed(on.Checked("check_7", {"flagged:hate": 1.0}))
    told.feed(on.Checked("check_1", {"moderation:hate": 0.2}))
    assert played(told) == {1}
    told.feed(on.Checked("check_1", {"flagged:hate": 1.0}))
    assert not guarded(told)


def test_the_caller_interrupts_what_is_held_and_the_model_forgets_what_was_not_heard() -> None:
    told = story(sentence=5_000_000)
    told.words("Heard. ")
    sound(told, 1, 400)
    told.words("Never heard")
    sound(told, 2, 100)
    told.feed(on.AssistantWords("resp_1", "item_b", "Nor this"))
    told.wait(200)
    told.speaks(200)
    assert told.all(do.Flush)
    assert [cut.item_id for cut in told.all(do.Truncate)] == ["item_a"]
    assert told.all(do.Delete) == [do.Delete("item_b")]
    assert played(told) == {1}
    assert told.lines()["item_a"].cut


def test_a_session_that_is_lost_takes_what_was_held_with_it() -> None:
    told = story()
    told.words("Heard. ")
    sound(told, 1, 400)
    told.words("Never heard")
    sound(told, 2, 100)
    told.feed(on.AssistantLost("gone"))
    told.wait(3_000)
    assert played(told) == {1}
    assert not told.all(do.Delete)


def test_sound_that_comes_before_its_words_waits_for_the_end_of_the_item() -> None:
    told = story()
    sound(told, 1, 100)
    told.words("Hello there. ")
    sound(told, 1, 100)
    told.wait(100)
    assert not told.all(do.Play)
    told.feed(on.ItemEnded("resp_1", "item_a"))
    assert played(told) == {1}


def test_sound_that_nobody_writes_down_passes_or_is_stopped_as_the_policy_says() -> None:
    for closed in (False, True):
        told = story(closed=closed, patience=500_000)
        sound(told, 1, 100)
        told.wait(499)
        assert not told.all(do.Play)
        told.wait(100)
        assert played(told) == ({2} if closed else {1})  # 2: the gateway's own notice
        assert guarded(told) == ([("unwritten", "replace", "assistant")] if closed else [])


def test_without_holding_what_was_begun_is_stopped_in_the_middle() -> None:
    told = story(hold=False)
    told.words("You should buy ")
    sound(told, 1, 2_000)
    told.wait(300)
    assert played(told) == {1}
    told.words("shares. ")
    assert told.all(do.Flush)
    assert told.all(do.Truncate) == [do.Truncate("item_a", 7_200)]
    told.feed(on.ResponseEnded("resp_1", "cancelled"))
    told.wait(1)
    assert "I cannot advise" in asked(told)


def test_steering_tells_the_model_and_has_it_answer_again() -> None:
    told = story(replace(NO_ADVICE, action="steer", phrase="", steer="Speak of parcels only."))
    told.words("Buy shares!")
    told.feed(on.ResponseEnded("resp_1", "cancelled"))
    assert do.Remind("system", "Speak of parcels only.") in told.all(do.Remind)
    assert asked(told) == "Speak of parcels only."


def test_transfer_and_end_come_after_the_phrase() -> None:
    for action, kind in (("transfer", do.Transfer), ("end", do.End)):
        told = story(replace(NO_ADVICE, action=action, target="+4930123456"))
        told.words("Buy shares!")
        told.feed(on.ResponseEnded("resp_1", "cancelled"))
        assert not told.all(kind)
        told.answers(300, "I cannot advise on that.", "item_b", "resp_2")
        told.wait(2_000)
        assert len(told.all(kind)) == 1


def test_a_model_that_does_not_stop_is_spoken_over_by_the_gateway_itself() -> None:
    told = story()
    for turn in range(1, TRIES + 2):
        response, item = f"resp_{turn}", f"item_{turn}"
        if turn > 1:
            told.begins(response)
        told.words("Buy shares!", item, response)
        told.feed(on.ResponseEnded(response, "cancelled"))
    assert len(told.all(do.Respond)) == 1 + TRIES
    assert played(told) == {2}
    assert [play.item_id for play in told.all(do.Play)] == ["guard_1"]


def test_a_rule_that_only_notes_stops_nothing() -> None:
    told = story(replace(NO_ADVICE, action="note"))
    told.words("Buy shares!")
    sound(told, 1, 100)
    assert played(told) == {1}
    assert guarded(told) == [("no-advice", "note", "assistant")]


def test_g711_is_held_like_any_other_sound() -> None:
    told = story(plan=Plan(rate=8_000, encoding="pcmu", playback=PlaybackPolicy(frame=20_000)))
    told.words("Well. ")
    told.feed(on.AssistantAudio("resp_1", "item_a", b"\1" * 800))
    told.words("Buy shares!")
    told.feed(on.AssistantAudio("resp_1", "item_a", b"\3" * 800))
    told.wait(500)
    assert played(told) == {1}
    assert told.all(do.Truncate) == [do.Truncate("item_a", 800)]


def test_messages_passed_through_whole_are_held_against_the_same_rules() -> None:
    told = story(plan=Plan(relays=True))
    told.feed(on.AssistantTold({"type": "x", "item": {"content": [{"text": "Buy shares now"}]}}))
    told.feed(on.AssistantTold({"type": "x", "item": {"content": [{"text": "All well"}]}}))
    told.feed(on.AssistantTold({"type": "response.output_text.delta", "delta": "Buy "}))
    assert [one.message["type"] for one in told.all(do.PassOn)] == ["x"]


def test_a_rule_of_one_place_is_no_rule_of_another() -> None:
    told = story(Rule("caller-only", ("caller",), "end", words=("buy shares",)))
    told.words("Buy shares!")
    sound(told, 1, 100)
    assert played(told) == {1}
