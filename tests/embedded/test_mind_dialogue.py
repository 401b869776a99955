"""Whole conversations with the built-in mind, every answer derived from the lines alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.embedded.mind.local import LocalMind
from gateway.embedded.mind.meaning import find_meaning
from gateway.embedded.parts import (
    Called,
    CallPiece,
    Function,
    Heard,
    Line,
    Returned,
    Said,
    Say,
    Situation,
)

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)


def function(name: str, description: str, required: str, /, **slots: Any) -> Function:
    schema = {"type": "object", "properties": slots, "required": required.split()}
    return Function(name, description, schema)


ORDER = {"type": "string", "description": "The order number, e.g. 4217"}
FUNCTIONS = (
    function("look_up_order", "Look up an order and its status.", "order_id", order_id=ORDER),
    function("cancel_order", "Cancel an order.", "order_id", order_id=ORDER),
    function("ship_date", "When an order will be shipped.", "order_id", order_id=ORDER),
    function(
        "get_weather",
        "Current weather and forecast for a city.",
        "city",
        city={"type": "string", "description": "City name, e.g. Paris"},
    ),
    function(
        "current_time",
        "The current date and time.",
        "",
        timezone={"type": "string", "description": "IANA time zone"},
    ),
    function(
        "book_table",
        "Book a table at the restaurant.",
        "date time party_size name",
        date={"type": "string", "format": "date", "description": "Date of the booking"},
        time={"type": "string", "format": "time", "description": "Time of the booking"},
        party_size={"type": "integer", "description": "Number of people"},
        name={"type": "string", "description": "The customer's name"},
        window={"type": "boolean", "description": "Whether a window table is wanted"},
    ),
    function("hang_up", "End the call.", ""),
)
SHIPPED = {"order_id": "4217", "status": "in_transit", "ship_date": "2026-11-24"}


@dataclass
class Talk:
    """A conversation in which the assistant's words are all heard to the end."""

    mind: LocalMind
    functions: tuple[Function, ...] = FUNCTIONS
    instructions: str = ""
    lines: list[Line] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def answer(self, request: str = "", choice: str = "auto") -> str:
        """What the assistant says; its calls are in `calls`."""
        situation = Situation(self.instructions, tuple(self.lines), self.functions, choice, request)
        thoughts = self.mind.think(situation)
        assert self.mind.think(situation) == thoughts
        said = " ".join(thought.text for thought in thoughts if isinstance(thought, Say))
        if said:
            self.lines.append(Said(said))
        texts: dict[int, tuple[str, str]] = {}
        for piece in thoughts:
            if isinstance(piece, CallPiece):
                before = texts.get(piece.index, ("", ""))[1]
                texts[piece.index] = (piece.name, before + piece.arguments)
        self.calls = [(name, json.loads(text)) for name, text in texts.values()]
        for name, text in texts.values():
            self.lines.append(Called(f"call_{len(self.lines)}", name, text))
        return said

    def say(self, *texts: str, choice: str = "auto") -> str:
        self.lines.extend(Heard(text) for text in texts)
        return self.answer(choice=choice)

    def give(self, output: Any) -> str:
        call = next(line for line in reversed(self.lines) if isinstance(line, Called))
        text = output if isinstance(output, str) else json.dumps(output)
        self.lines.append(Returned(call.call_id, text))
        return self.answer()


@pytest.fixture(scope="module", params=["words", "meaning"])
def mind(request: pytest.FixtureRequest) -> LocalMind:
    meaning = find_meaning() if request.param == "meaning" else None
    if request.param == "meaning" and meaning is None:
        pytest.skip("MiniLM is not installed")
    return LocalMind(meaning, now=lambda: NOW)


@pytest.fixture
def talk(mind: LocalMind) -> Talk:
    return Talk(mind)


def test_a_missing_argument_is_asked_for_and_taken_from_the_bare_answer(talk: Talk) -> None:
    assert talk.say("Where is my order?") == "What is the order number?"
    assert talk.say("4 2 1 7.") == ""
    assert talk.calls == [("look_up_order", {"order_id": "4217"})]


def test_arguments_are_gathered_over_several_turns(talk: Talk) -> None:
    assert talk.say("I'd like to book a table for Friday.") == "What is the time of the booking?"
    assert talk.say("At seven.") == "How many people?"
    assert talk.say("Four.") == "What is your name?"
    assert talk.say("It's Anna Miller.") == ""
    assert talk.calls == [
        (
            "book_table",
            {"date": "2026-11-20", "time": "19:00", "party_size": 4, "name": "Anna Miller"},
        )
    ]


def test_lines_heard_in_a_row_are_one_utterance(talk: Talk) -> None:
    talk.say("Where is", "order 4 2", "1 7?")
    assert talk.calls == [("look_up_order", {"order_id": "4217"})]


def test_an_order_spoken_of_is_carried_over(talk: Talk) -> None:
    talk.say("Where is order 4217?")
    assert "in transit" in talk.give(SHIPPED)
    talk.say("When does it ship?")
    assert talk.calls == [("ship_date", {"order_id": "4217"})]
    talk.give({"ship_date": "2026-11-24"})
    talk.say("Cancel it, please.")
    assert talk.calls == [("cancel_order", {"order_id": "4217"})]


def test_another_order_is_asked_for_and_not_carried_over(talk: Talk) -> None:
    talk.say("Where is order 4217?")
    talk.give(SHIPPED)
    assert talk.say("Can you look up another order?") == "What is the order number?"
    assert talk.calls == []


def test_the_caller_corrects_an_argument(talk: Talk) -> None:
    talk.say("Where is order 4217?")
    talk.give(SHIPPED)
    talk.say("No, I meant 4 2 1 8.")
    assert talk.calls == [("look_up_order", {"order_id": "4218"})]


def test_the_same_is_asked_about_something_else(talk: Talk) -> None:
    talk.say("What's the weather in Oslo?")
    talk.give({"city": "Oslo", "temperature_c": 3, "sky": "cloudy"})
    talk.say("And in Paris?")
    assert talk.calls == [("get_weather", {"city": "Paris"})]
    talk.give({"message": "It is sunny in Paris."})
    talk.say("What time is it there?")
    assert talk.calls == [("current_time", {"timezone": "Europe/Paris"})]


def test_the_caller_changes_the_topic_while_being_asked(talk: Talk) -> None:
    talk.say("Where is my order?")
    talk.say("What's the weather in Rome?")
    assert talk.calls == [("get_weather", {"city": "Rome"})]


def test_never_mind_gives_a_request_up(talk: Talk) -> None:
    talk.say("Cancel my order.")
    assert "never mind" in talk.say("Never mind.").lower()
    talk.say("4 2 1 7.")
    assert ("cancel_order", {"order_id": "4217"}) not in talk.calls


def test_what_was_not_understood_is_asked_again(talk: Talk) -> None:
    talk.say("Cancel my order.")
    answer = talk.say("Well, the blue elephant.")
    assert answer == "Sorry, I did not catch that. What is the order number?"


def test_a_question_cut_short_is_still_answered(talk: Talk) -> None:
    talk.say("Where is my order?")
    talk.lines[-1] = Said("What is the", cut=True)
    talk.say("4217.")
    assert talk.calls == [("look_up_order", {"order_id": "4217"})]


def test_of_two_requests_the_ready_one_is_called_and_the_other_asked_for(talk: Talk) -> None:
    talk.say("What time is it, and what is the weather?")
    assert talk.calls == [("current_time", {})]
    assert talk.give({"time": "10:00"}).endswith("What is the city name?")
    talk.say("Berlin.")
    assert talk.calls == [("get_weather", {"city": "Berlin"})]


@pytest.mark.parametrize(
    ("output", "spoken"),
    [
        (SHIPPED, "For order 4217, the status is in transit and the ship date is"
         " Tuesday, November 24."),
        ({"message": "It left on Monday."}, "It left on Monday."),
        ({"error": "no such order"}, "I am sorry, that did not work: no such order."),
        ({"error": {"code": "not_found"}}, "I am sorry, that did not work: not found."),
        ({"total": 29.9, "currency": "EUR"}, "For order 4217, the total is 29.9 euros."),
        ({"cancelled": True}, "For order 4217, it is cancelled."),
        ({"ok": True}, "For order 4217, that is done."),
        ({"items": ["two lamps", "a chair"]}, "For order 4217, there are 2 items: two lamps"
         " and a chair."),
        ({"customer": {"name": "Ann"}}, "For order 4217, the customer name is Ann."),
        ([], "For order 4217, nothing was found."),
        ("It is on its way.", "It is on its way."),
        ("", "For order 4217, there is no result."),
    ],
)  # fmt: skip
def test_results_are_spoken_by_general_rules(talk: Talk, output: Any, spoken: str) -> None:
    talk.say("Where is order 4217?")
    assert talk.give(output) == spoken


def test_pardon_repeats_what_was_said(talk: Talk) -> None:
    talk.say("Where is order 4217?")
    answer = talk.give(SHIPPED)
    assert talk.say("Pardon?") == answer


def test_an_interrupted_answer_goes_on_where_it_was_cut(talk: Talk) -> None:
    talk.say("Where is order 4217?")
    whole = talk.give(SHIPPED | {"carrier": "Blue Van", "total": 12})
    first, second = whole.split(". ", 1)
    talk.lines[-1] = Said(first + ". The", cut=True)
    assert talk.say("Go on.") == second


def test_goodbye_is_said_before_hanging_up(talk: Talk) -> None:
    talk.say("Hello.")
    assert talk.say("Thanks, goodbye.") == "Goodbye!"
    assert talk.calls == [("hang_up", {})]
    talk.lines.append(Returned(talk.lines[-1].call_id, '{"ok": true}'))  # type: ignore[union-attr]
    assert talk.answer() == ""


def test_abilities_come_from_the_functions(talk: Talk) -> None:
    answer = talk.say("What can you do?")
    assert "look up an order and its status" in answer
    assert "End the call" not in answer
    talk.functions = ()
    assert "no functions" in talk.say("What can you do?")


@pytest.mark.parametrize("heard", ["", " ", "..."])
def test_nothing_heard_is_said_so(talk: Talk, heard: str) -> None:
    assert talk.say(heard) == "Sorry, I did not catch that."


def test_the_assistant_is_honest_about_what_it_is(talk: Talk) -> None:
    assert "small built-in assistant" in talk.say("Tell me a joke.")
    assert "not a person" in talk.say("Are you a robot?")


@pytest.mark.parametrize(
    ("instructions", "greeting"),
    [
        ("", "Hello, how can I help you?"),
        ("You are a helpful assistant.", "Hello, how can I help you?"),
        ("You are Ada of Northwind. Be brief.", "Hello, this is Ada of Northwind."
         " How can I help you?"),
        ('Greet the caller with "Welcome to Northwind!" and help.', "Welcome to Northwind!"),
    ],
)  # fmt: skip
def test_the_call_opens_as_the_instructions_say(
    talk: Talk, instructions: str, greeting: str
) -> None:
    talk.instructions = instructions
    assert talk.answer() == greeting


@pytest.mark.parametrize(
    ("request_text", "spoken"),
    [
        ('Say: "One moment, please."', "One moment, please."),
        ('Greet the caller with: "Good day!"', "Good day!"),
        ("Say exactly: We close at five.", "We close at five."),
        ("Ask the caller whether they are still there.", "Are you still there?"),
        ("Greet the user.", "Hello, how can I help you?"),
    ],
)
def test_instructions_for_one_answer_are_followed(
    talk: Talk, request_text: str, spoken: str
) -> None:
    talk.lines.append(Heard("Where is order 4217?"))
    assert talk.answer(request=request_text) == spoken
    assert talk.calls == []


def test_choice_none_calls_nothing(talk: Talk) -> None:
    assert "cannot" in talk.say("Where is order 4217?", choice="none")
    assert talk.calls == []


def test_choice_required_calls_a_function_for_any_words(talk: Talk) -> None:
    talk.say("Hello there.", choice="required")
    assert len(talk.calls) == 1


def test_a_function_chosen_by_name_is_called_with_what_the_words_hold(talk: Talk) -> None:
    talk.say("It's about 4217.", choice="cancel_order")
    assert talk.calls == [("cancel_order", {"order_id": "4217"})]


def test_a_result_that_comes_while_the_caller_speaks_on_is_told_first(talk: Talk) -> None:
    talk.say("What time is it?")
    call = talk.lines[-1]
    assert isinstance(call, Called)
    talk.lines += [Heard("And the weather in Oslo?"), Returned(call.call_id, '{"time": "10:00"}')]
    assert talk.answer() == "The time is 10 AM."
    assert talk.calls == [("get_weather", {"city": "Oslo"})]


async def test_arguments_stream_in_pieces_and_sentences_one_by_one(mind: LocalMind) -> None:
    fresh = LocalMind(None, now=lambda: NOW)
    heard = Situation("", (Heard("Where is order 4217?"),), FUNCTIONS)
    pieces = [thought async for thought in fresh.answer(heard)]
    assert len(pieces) >= 2
    assert all(isinstance(piece, CallPiece) for piece in pieces)
    lines = (Heard("Where is order 4217?"), Called("c", "look_up_order", '{"order_id": "4217"}'),
             Returned("c", '{"message": "It left. It is late."}'))  # fmt: skip
    said = [thought async for thought in fresh.answer(Situation("", lines, FUNCTIONS))]
    assert said == [Say("It left."), Say("It is late.")]
    await fresh.close()


@pytest.mark.parametrize(
    "schema", [{}, {"type": "object"}, {"properties": None}, {"properties": {"a": True}}]
)
def test_a_schema_that_says_nothing_is_taken_in_stride(talk: Talk, schema: dict[str, Any]) -> None:
    talk.functions = (Function("open_gate", "Open the gate.", schema),)
    talk.say("Open the gate.")
    assert talk.calls == [("open_gate", {})]
