"""Telephone keys at the built-in mind: a number for a question that wants one, and no speech."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from gateway.call.digits import KEYS, told
from gateway.embedded.mind import keys
from gateway.embedded.mind.local import LocalMind
from gateway.embedded.mind.meaning import find_meaning
from gateway.embedded.parts import CallPiece, Function, Heard, Line, Said, Say, Situation

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
HANG_UP = Function(
    "hang_up", "End the call, when the caller has said goodbye or asks to hang up.", {}
)
ORDER = {"type": "string", "description": "The order number, e.g. 4217"}
LOOK_UP = Function(
    "look_up_order",
    "Look up an order and its status.",
    {"type": "object", "properties": {"order_id": ORDER}, "required": ["order_id"]},
)


@pytest.fixture(scope="module")
def mind() -> LocalMind:
    return LocalMind(find_meaning(), now=lambda: NOW)


def answer(mind: LocalMind, *lines: Line) -> tuple[str, str]:
    """What it says, and the function that it calls with which arguments."""
    thoughts = mind.think(Situation("", lines, (HANG_UP, LOOK_UP)))
    said = " ".join(one.text for one in thoughts if isinstance(one, Say))
    calls = [one for one in thoughts if isinstance(one, CallPiece)]
    return said, "".join(one.name * (not at) + one.arguments for at, one in enumerate(calls))


def test_the_gateways_sentence_is_known() -> None:
    assert keys.pressed(told(KEYS)) == KEYS
    assert keys.pressed("The caller pressed on.") == ""


@pytest.mark.parametrize("pressed", ["5#", "5", "0", "#", "*", "123"])
def test_a_key_that_nobody_asked_for_ends_no_call(mind: LocalMind, pressed: str) -> None:
    said, called = answer(mind, Heard(told(pressed)))
    assert not called
    named = " ".join(pressed).replace("#", "pound").replace("*", "star")
    assert said == f"You pressed {named}. What can I do for you?"


def test_keys_answer_a_question_that_wants_a_number(mind: LocalMind) -> None:
    asked = Heard("Where is my order?")
    question, called = answer(mind, asked)
    assert question
    assert not called
    _, called = answer(mind, asked, Said(question), Heard(told("4217#")))
    assert called.removeprefix("look_up_order") == json.dumps({"order_id": "4217"})
