"""The built-in mind waits for functions, asks before it does what needs consent, and stops."""

from __future__ import annotations

import json

import pytest

from gateway.call import toolwords as say
from gateway.call.toolcalls import CANCEL
from gateway.embedded.mind.history import NEWS, RUNNING, request
from gateway.embedded.mind.local import LocalMind
from gateway.embedded.mind.phrases import consents
from gateway.embedded.parts import Called, CallPiece, Function, Heard, Line, Returned, Said, Say
from gateway.embedded.parts import Situation as Moment

ORDER = {"order_id": {"type": "string", "description": "The order number, e.g. 4217"}}
SCHEMA = {"type": "object", "properties": ORDER, "required": ["order_id"]}
FUNCTIONS = (
    Function("look_up_order", "Look up an order and its status.", SCHEMA),
    Function("cancel_order", "Cancel an order.", SCHEMA),
    Function(CANCEL.name, CANCEL.description, CANCEL.parameters),
)
ARGUMENTS = '{"order_id": "4217"}'
LOOKS_UP = (Heard("Where is my order 4217?"), Called("c1", "look_up_order", ARGUMENTS))
ASKS = (
    Heard("Cancel order 4217."),
    Called("c1", "cancel_order", ARGUMENTS),
    Returned("c1", say.ask_first("cancel_order", {"order_id": "4217"})),
    Said("Shall I go ahead with this: cancel order, order id 4217?"),
)


def answer(*lines: Line, request: str = "") -> tuple[str, list[tuple[str, str]]]:
    """What is said, and what is called."""
    thoughts = LocalMind().think(Moment("", lines, FUNCTIONS, "auto", request))
    calls: dict[int, tuple[str, str]] = {}
    for piece in thoughts:
        if isinstance(piece, CallPiece):
            before = calls.get(piece.index, ("", ""))[1]
            calls[piece.index] = (piece.name, before + piece.arguments)
    said = " ".join(thought.text for thought in thoughts if isinstance(thought, Say))
    return said, list(calls.values())


def test_it_says_that_it_takes_a_moment_and_then_in_other_words_that_it_still_does() -> None:
    first, _ = answer(*LOOKS_UP, request=say.WAITS.format("look up order"))
    again, _ = answer(*LOOKS_UP, Said(first), request=say.STILL_WAITS.format("look up order"))
    assert first == "One moment, please. I am on it."
    assert again == "I am still working on it. Thank you for waiting."
    assert answer(*LOOKS_UP, request=say.exactly('We have "three".'))[0] == "We have 'three'."


def test_the_result_is_said_after_the_word_meanwhile() -> None:
    said, calls = answer(
        *LOOKS_UP, Said("One moment, please. I am on it."), Returned("c1", "It is on a ship.")
    )
    assert (said, calls) == ("It is on a ship.", [])


@pytest.mark.parametrize("words", ["Never mind.", "Stop.", "Wait, stop!", "Forget it."])
def test_what_is_under_way_is_stopped_when_the_caller_says_so(words: str) -> None:
    assert answer(*LOOKS_UP, Heard(words))[1] == [(CANCEL.name, "{}")]


def test_with_nothing_under_way_there_is_nothing_to_stop() -> None:
    done = (*LOOKS_UP, Returned("c1", "It is on a ship."), Said("It is on a ship."))
    assert answer(*done, Heard("Never mind."))[1] == []
    assert answer(*done, Heard("Please cancel my order."))[1] == [("cancel_order", ARGUMENTS)]


def test_of_what_was_stopped_only_that_is_said() -> None:
    said, _ = answer(
        *LOOKS_UP,
        Heard("Never mind."),
        Called("c2", CANCEL.name, "{}"),
        Returned("c1", say.CANCELLED),
        Returned("c2", say.stopped("look_up_order")),
    )
    assert said == "All right, I have stopped that."


def test_what_needs_consent_is_asked_for_and_called_again_after_a_yes() -> None:
    assert answer(*ASKS[:-1])[0] == "Shall I go ahead with this: cancel order, order id 4217?"
    for words in ("Yes please.", "Okay, go ahead.", "Yes, cancel it."):
        said, calls = answer(*ASKS, Heard(words))
        assert said == ""
        assert [(name, json.loads(text)) for name, text in calls] == [
            ("cancel_order", {"order_id": "4217"})
        ]


@pytest.mark.parametrize("words", ["No.", "No thanks.", "Never mind."])
def test_after_a_no_it_is_not_called(words: str) -> None:
    assert answer(*ASKS, Heard(words)) == ("All right, I will not do that.", [])


@pytest.mark.parametrize("words", ["Yes, but which one?", "Not yet", "Is it free?", "Okay, what?"])
def test_words_that_are_no_plain_yes_are_none(words: str) -> None:
    assert not consents(words)


def test_a_chat_model_is_told_that_a_result_is_new_which_stands_further_up() -> None:
    early = request(Moment("", (*LOOKS_UP, Returned("c1", "On a ship.")), FUNCTIONS))
    assert early["messages"][-1]["role"] == "tool"
    late = request(
        Moment("", (*LOOKS_UP, Said("One moment."), Returned("c1", "On a ship.")), FUNCTIONS)
    )
    assert [message["role"] for message in late["messages"]] == [
        *("system", "user", "assistant", "tool", "assistant", "system")
    ]
    assert late["messages"][-1]["content"] == NEWS.format("look_up_order")
    waiting = request(Moment("", LOOKS_UP, FUNCTIONS, "none", say.WAITS.format("look up order")))
    assert waiting["tool_choice"] == "none"
    assert waiting["messages"][-2]["content"] == RUNNING
