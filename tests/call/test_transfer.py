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
