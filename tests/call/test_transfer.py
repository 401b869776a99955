"""Putting the caller through, and sounds of the gateway's own."""

from __future__ import annotations

from audio.pcm import silence
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.plan import Plan
from tests.call.story import Story


def test_a_caller_is_put_through_once_the_sentence_is_said() -> None:
    story = Story()
    story.answers(1000)
    story.feed(on.TransferOrdered("+15550100"))
    story.wait(500)
    assert not story.all(do.Transfer)
    story.wait(1000)
    assert story.all(do.Transfer) == [do.Transfer("+15550100")]
    story.wait(60_000)
    assert len(story.all(do.Transfer)) == 1


def test_a_transfer_that_fails_is_told_to_the_caller_by_the_assistant() -> None:
    story = Story()
    story.feed(on.TransferOrdered("desk"))
    assert story.all(do.Transfer) == [do.Transfer("desk")]
    story.feed(on.TransferFailed("desk", "the line is busy"))
    (asked,) = story.all(do.Respond)
    assert "desk" in asked.instructions
    assert "the line is busy" in asked.instructions


def hung_up_on_and_put_through() -> Story:
    """The model has called both functions, which makes sense to it."""
    story = Story()
    story.answers(1000)
    story.feed(on.TransferOrdered("desk"))
    story.feed(on.HangUpOrdered("the assistant hung up"))
    story.wait(1100)
    assert story.all(do.Transfer) == [do.Transfer("desk")]
    return story


def test_who_is_put_through_is_not_hung_up_on_meanwhile() -> None:
    story = hung_up_on_and_put_through()
    story.wait(29_000)
    assert not story.call.ended
    story.wait(2_000)
    assert story.all(do.End) == [do.End("the assistant hung up")]


def test_where_a_transfer_fails_the_call_that_was_to_end_ends_with_the_words_of_that() -> None:
    story = hung_up_on_and_put_through()
    story.feed(on.TransferFailed("desk", "the line is busy"))
    story.answers(1000, response="resp_2", item="item_b")
    story.wait(900)
    assert not story.call.ended
    story.wait(200)
    assert story.call.ended


def test_of_a_model_that_is_lost_nothing_is_wanted_that_would_keep_the_call() -> None:
    story = Story(Plan(lost_notice=silence(24_000)))
    story.feed(on.AssistantLost("gone"))
    story.feed(on.TransferFailed("desk", "the line is busy"))
    story.wait(1_100)
    assert story.all(do.End) == [do.End("assistant lost: gone")]


def test_a_sound_of_the_gateways_own_is_played_and_never_told_to_the_model() -> None:
    story = Story()
    story.feed(on.SoundOrdered("keys_1", silence(24_000)))
    story.wait(300)
    assert sum(len(play.pcm) for play in story.all(do.Play)) > 24_000 // 4
    story.speaks(400)
    assert story.all(do.Flush)
    assert not story.all(do.Truncate)
    assert not story.all(do.Delete)


def test_a_call_in_mu_law_counts_one_byte_a_sample() -> None:
    story = Story(Plan(rate=8_000, encoding="pcmu"))
    story.feed(on.SoundOrdered("keys_1", b"\xff" * 1600))
    story.wait(1000)
    assert b"".join(play.pcm for play in story.all(do.Play)) == b"\xff" * 1600
    assert story.log[-1][0] <= 250_000
