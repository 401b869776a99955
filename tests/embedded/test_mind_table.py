"""Single utterances as Moonshine writes them down, and the calls that they must cause or not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.embedded.mind.local import LocalMind
from gateway.embedded.mind.meaning import find_meaning
from gateway.embedded.parts import CallPiece, Function, Heard, Situation

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)  # a Wednesday


def function(name: str, description: str, required: str, /, **slots: Any) -> Function:
    return Function(
        name,
        description,
        {"type": "object", "properties": slots, "required": required.split()},
    )


def text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, **more}


ORDER = text("The order number, e.g. 4217")
FUNCTIONS = (
    function("look_up_order", "Look up an order and its status.", "order_id", order_id=ORDER),
    function(
        "cancel_order",
        "Cancel an order that has not been shipped yet.",
        "order_id",
        order_id=ORDER,
        reason=text("Why the customer cancels"),
    ),
    function("ship_date", "When an order will be shipped.", "order_id", order_id=ORDER),
    function(
        "get_weather",
        "Current weather and forecast for a city.",
        "city",
        city=text("City name, e.g. Paris"),
        unit=text("Unit of the temperature", enum=["celsius", "fahrenheit"]),
    ),
    function(
        "current_time",
        "The current date and time.",
        "",
        timezone=text("IANA time zone, e.g. Europe/Paris"),
    ),
    function(
        "book_table",
        "Book a table at the restaurant.",
        "date time party_size",
        date=text("Date of the booking", format="date"),
        time=text("Time of the booking", format="time"),
        party_size={"type": "integer", "description": "Number of people", "minimum": 1},
        name=text("Name for the booking"),
    ),
    function(
        "transfer_call",
        "Transfer the caller to a human agent.",
        "department",
        department=text("Department", enum=["sales", "support", "billing"]),
    ),
    function("hang_up", "End the call.", ""),
)

Calls = list[tuple[str, dict[str, Any]]]


def look(order: str) -> Calls:
    return [("look_up_order", {"order_id": order})]


def cancel(order: str, **more: str) -> Calls:
    return [("cancel_order", {"order_id": order, **more})]


def ships(order: str) -> Calls:
    return [("ship_date", {"order_id": order})]


def weather(city: str, **more: str) -> Calls:
    return [("get_weather", {"city": city, **more})]


def book(date: str, time: str, party_size: int, **more: str) -> Calls:
    return [("book_table", {"date": date, "time": time, "party_size": party_size, **more})]


def transfer(department: str) -> Calls:
    return [("transfer_call", {"department": department})]


CLOCK: Calls = [("current_time", {})]
HANG_UP: Calls = [("hang_up", {})]

BY_WORDS: list[tuple[str, Calls]] = [
    ("Where is my order 4217?", look("4217")),
    ("Order 4217.", look("4217")),
    ("Where is order for two one seven?", look("4217")),
    ("Can you look up order four two one seven?", look("4217")),
    ("I'd like to check the status of order 42 17, please.", look("4217")),
    ("What's the status of my order? It's number 4 2 1 7.", look("4217")),
    ("Hi, could you check order number 4,217 for me?", look("4217")),
    ("Could you find the order with the number double five oh two?", look("5502")),
    ("My order number is A as in Alpha, four, two, one.", look("A421")),
    ("Please track order AB 1234.", look("AB1234")),
    ("Cancel order 4217.", cancel("4217")),
    ("I want to cancel my order. The number is 4 to 1 7.", cancel("4217")),
    ("I'd like to cancel. My order number is 4217.", cancel("4217")),
    ("Please cancel the order forty two seventeen.", cancel("4217")),
    ("Can you call off order 9001?", cancel("9001")),
    (
        "Cancel order 4217 because it is too expensive.",
        cancel("4217", reason="it is too expensive"),
    ),
    ("I need a cancellation for order three three eight one.", cancel("3381")),
    ("When will order 4217 be shipped?", ships("4217")),
    ("When does order 5100 ship?", ships("5100")),
    ("What is the shipping date of order 4217?", ships("4217")),
    ("When is the delivery of order seven seven two oh?", ships("7720")),
    ("What's the weather in Paris?", weather("Paris")),
    ("What is the weather like in New York today?", weather("New York")),
    ("Will it rain in San Francisco tomorrow?", weather("San Francisco")),
    ("Tell me the forecast for Berlin.", weather("Berlin")),
    ("What's the temperature in Oslo in Fahrenheit?", weather("Oslo", unit="fahrenheit")),
    ("what is the weather in london", weather("London")),
    ("What time is it?", CLOCK),
    ("Can you tell me the time, please?", CLOCK),
    ("What's the current time?", CLOCK),
    ("What time is it in Tokyo?", [("current_time", {"timezone": "Asia/Tokyo"})]),
    ("What date is it today?", CLOCK),
    ("what time is it in tokyo", [("current_time", {"timezone": "Asia/Tokyo"})]),
    ("Book a table for four tomorrow at seven p.m.", book("2026-11-19", "19:00", 4)),
    (
        "I'd like to book a table for two people next Tuesday at half past seven.",
        book("2026-11-24", "19:30", 2),
    ),
    (
        "Could you reserve a table on the fifth of December at noon for six people?",
        book("2026-12-05", "12:00", 6),
    ),
    (
        "Reserve a table for three on Friday at 8:15 p.m. under the name Miller.",
        book("2026-11-20", "20:15", 3, name="Miller"),
    ),
    (
        "A table for 12 people on December 24th at 18:30, please, make a booking.",
        book("2026-12-24", "18:30", 12),
    ),
    ("Transfer me to billing.", transfer("billing")),
    ("Can I talk to a human in the sales department?", transfer("sales")),
    ("Please transfer the call to support.", transfer("support")),
    ("I'd like to speak with an agent from sales.", transfer("sales")),
    ("Please hang up.", HANG_UP),
    ("Goodbye.", HANG_UP),
    ("No, that's all. Thank you, bye.", HANG_UP),
    ("Where is order 4217 and what time is it?", [*look("4217"), *CLOCK]),
    ("What's the weather in Rome? And when does order 4217 ship?",
     [*weather("Rome"), *ships("4217")]),
    ("Where are orders 4217 and 4218?", [*look("4217"), *look("4218")]),
    ("Cancel order 4217 and tell me the weather in Madrid.",
     [*cancel("4217"), *weather("Madrid")]),
]  # fmt: skip

BY_MEANING: list[tuple[str, Calls]] = [
    ("My parcel 4217 has still not come.", look("4217")),
    ("I bought something from you, what happened to it? The number is 4217.", look("4217")),
    ("Should I take an umbrella in Oslo?", weather("Oslo")),
    ("Is it cold in Helsinki?", weather("Helsinki")),
    ("Is it sunny in Lisbon?", weather("Lisbon")),
    ("How late is it?", CLOCK),
    ("I don't want 4217 anymore, please revoke the purchase.", cancel("4217")),
    ("We want to have dinner at your place tomorrow at 8, two people.",
     book("2026-11-19", "20:00", 2)),
    ("Let me speak to somebody real about billing.", transfer("billing")),
    ("Put me through to sales.", transfer("sales")),
    ("When does package 4217 leave the warehouse?", ships("4217")),
    ("Let's finish this conversation.", HANG_UP),
]  # fmt: skip

# Understood by people and not by this mind: so that nobody takes the table for all of the truth.
MISSED: list[tuple[str, Calls]] = [
    ("How hot does it get in Madrid?", weather("Madrid")),
]

NO_CALL = [
    "Hello.",
    "Good morning, how are you?",
    "Thank you very much.",
    "",
    "What can you do?",
    "Tell me a joke.",
    "What is the capital of France?",
    "I like pizza with cheese.",
    "My dog is sick.",
    "It was a long day at work.",
    "Who won the game last night?",
    "What do you think about politics?",
    "I have two children and a cat.",
    "Do not cancel my order 4217.",
    "Can you translate this into German?",
    "My name is John.",
    "Are you a robot?",
    "Um.",
    "Wait, stop.",
    "Hang on a second.",
    "Go somewhere and do something.",
    "The house over there is red.",
    "I love this song.",
]


@pytest.fixture(scope="module")
def plain() -> LocalMind:
    return LocalMind(None, now=lambda: NOW)


@pytest.fixture(scope="module")
def meaningful() -> LocalMind:
    meaning = find_meaning()
    if meaning is None:
        pytest.skip("MiniLM is not installed")
    return LocalMind(meaning, now=lambda: NOW)


def calls(mind: LocalMind, utterance: str) -> Calls:
    texts: dict[int, str] = {}
    names: dict[int, str] = {}
    for thought in mind.think(Situation("", (Heard(utterance),), FUNCTIONS)):
        if isinstance(thought, CallPiece):
            names[thought.index] = thought.name
            texts[thought.index] = texts.get(thought.index, "") + thought.arguments
    return [(names[at], json.loads(texts[at])) for at in sorted(names)]


@pytest.mark.parametrize(("utterance", "expected"), BY_WORDS)
def test_words_alone_choose_the_function(plain: LocalMind, utterance: str, expected: Calls) -> None:
    assert calls(plain, utterance) == expected


@pytest.mark.parametrize(("utterance", "expected"), [*BY_WORDS, *BY_MEANING])
def test_meaning_chooses_the_function(
    meaningful: LocalMind, utterance: str, expected: Calls
) -> None:
    assert calls(meaningful, utterance) == expected


@pytest.mark.parametrize("utterance", NO_CALL)
def test_talk_calls_no_function_by_words(plain: LocalMind, utterance: str) -> None:
    assert calls(plain, utterance) == []


@pytest.mark.parametrize("utterance", NO_CALL)
def test_talk_calls_no_function_by_meaning(meaningful: LocalMind, utterance: str) -> None:
    assert calls(meaningful, utterance) == []


@pytest.mark.parametrize(("utterance", "expected"), MISSED)
def test_what_is_missed_causes_no_wrong_call(
    meaningful: LocalMind, utterance: str, expected: Calls
) -> None:
    assert calls(meaningful, utterance) in ([], expected)
