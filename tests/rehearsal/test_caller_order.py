"""Whole conversations with the real models: an order desk is rung up on a virtual clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.rehearsal.conversation import Conversation
from gateway.rehearsal.plugin import Trunkline

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def order(request: pytest.FixtureRequest) -> Conversation:
    folder = Path(request.config.rootpath) / "samples"
    return Trunkline((folder,)).call("conversations/order.toml")


def test_the_caller_is_understood_and_answered(order: Conversation) -> None:
    assert order.complete, order
    assert order.assistant == "embedded"
    asked, when, bye = order.texts("caller")
    assert asked.startswith("Where is my order?")
    assert "ship" in when
    assert "goodbye" in bye.lower()
    _, answer, farewell = order.texts("assistant")
    assert answer == "Order 4217 ships on Wednesday, November 25."
    assert "bye" in farewell.lower()


def test_the_tools_are_called_with_what_was_spoken_digit_by_digit(order: Conversation) -> None:
    look_up, ship_date, hang_up = order.tool_calls
    assert (look_up.name, look_up.arguments) == ("look_up_order", {"order_number": "4217"})
    assert look_up.json()["items"] == "two blue kettles"
    assert (ship_date.name, ship_date.arguments) == ("ship_date", {"order_number": "4217"})
    assert hang_up.name == "hang_up"
    assert {use.status for use in order.tool_calls} == {"done"}
    assert order.ended == "the assistant hung up"


def test_the_interrupted_answer_is_cut_where_the_caller_stopped_hearing(
    order: Conversation,
) -> None:
    cut, *others = [line for line in order.transcript if line.who == "assistant"]
    assert cut.cut
    assert cut.text.startswith("Order 4217")
    assert "November" not in cut.text
    assert not any(line.cut for line in others)


def test_what_was_heard_is_what_the_transcript_says(order: Conversation) -> None:
    heard = order.heard_words()
    assert "ships on Wednesday, November 25" in heard
    assert "packed" not in heard  # it was on its way when the caller interrupted
    assert heard.lower().rstrip(".!").endswith("bye")
    assert order.said.words().startswith("Where is my order?")


def test_each_answer_has_its_latency_and_silence_was_saved(order: Conversation) -> None:
    assert len(order.latencies) == 3
    # On the virtual clock thinking takes no time: what is left is the hang-over of 360 ms.
    assert order.latencies == pytest.approx((0.36, 0.36, 0.36), abs=0.06)
    assert order.savings.seconds > 0.4 * order.savings.spoken
    assert order.savings.tokens == pytest.approx(10 * order.savings.seconds, abs=1)


def test_the_same_call_goes_the_same_way_twice(order: Conversation, samples: Path) -> None:
    again = Trunkline((samples,)).call("conversations/order.toml")
    assert str(again) == str(order)
    assert again.heard == order.heard


def test_both_sides_are_kept_in_stereo(order: Conversation, tmp_path: Path) -> None:
    from audio import wav

    order.save(tmp_path / "both.wav", both=True)
    kept = wav.info(tmp_path / "both.wav")
    assert (kept.rate, kept.channels) == (24_000, 2)
    assert kept.seconds == pytest.approx(order.seconds, abs=0.01)
