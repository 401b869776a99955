"""Numbers, ids, dates, times, schemas and sentences as the built-in mind reads and writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.embedded.mind import dates, figures, phrases
from gateway.embedded.mind.meaning import find_meaning
from gateway.embedded.mind.schema import parameters
from gateway.embedded.mind.sentences import Splitter, for_speech, sentences
from gateway.embedded.mind.slots import fill, question
from gateway.embedded.mind.wordpiece import token_ids
from gateway.embedded.mind.words import stem, tokens
from gateway.embedded.parts import Function

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("order 4217.", ["4217"]),
        ("order four two one seven", ["4217"]),
        ("Order for two one seven.", ["4217"]),
        ("Order 4 to 1 7.", ["4217"]),
        ("four oh double five", ["4055"]),
        ("42 17", ["4217"]),
        ("forty two seventeen", ["4217"]),
        ("4,217", ["4217"]),
        ("4, 2, 1, 7.", ["4217"]),
        ("A as in Alpha, B for Bravo, one two three", ["AB123"]),
        ("KX-4217", ["KX4217"]),
        ("triple seven one", ["7771"]),
        ("4217, 4218", ["4217", "4218"]),
        ("one hundred and five", ["105"]),
        ("no number here", []),
    ],
)
def test_ids_are_joined_as_they_were_meant(said: str, expected: list[str]) -> None:
    assert [code.text for code in figures.codes(tokens(said))] == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("twenty three", [23]),
        ("one hundred and five", [105]),
        ("two thousand three hundred and forty", [2340]),
        ("three point five", [3.5]),
        ("two and a half", [2.5]),
        ("a dozen", [12]),
        ("a couple of", [2]),
        ("the twenty first", [21]),
        ("4,217", [4217]),
        ("1.5 million", [1_500_000]),
        ("two one", [2, 1]),
    ],
)
def test_amounts_are_read_as_said(said: str, expected: list[float]) -> None:
    assert [amount.value for amount in figures.amounts(tokens(said))] == expected


@given(st.text(max_size=60))
def test_no_text_breaks_the_readers(said: str) -> None:
    found = tokens(said)
    figures.amounts(found)
    figures.codes(found)
    dates.days(found, NOW.date())
    dates.clocks(found)
    dates.durations(found)
    phrases.kind(phrases.core(said))
    token_ids(said)
    sentences(said)


@given(st.integers(0, 999_999))
def test_digits_said_one_by_one_are_the_id(number: int) -> None:
    names = "zero one two three four five six seven eight nine".split()  # noqa: SIM905
    said = " ".join(names[int(digit)] for digit in f"{number:06}")
    assert [code.text for code in figures.codes(tokens(said))] == [f"{number:06}"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("tomorrow", date(2026, 11, 19)),
        ("the day after tomorrow", date(2026, 11, 20)),
        ("on Friday", date(2026, 11, 20)),
        ("this Wednesday", date(2026, 11, 25)),
        ("next Tuesday", date(2026, 11, 24)),
        ("next Friday", date(2026, 11, 27)),
        ("the fifth of May", date(2027, 5, 5)),
        ("May 5th", date(2027, 5, 5)),
        ("December twenty first", date(2026, 12, 21)),
        ("5 May 2028", date(2028, 5, 5)),
        ("May 5, 2028", date(2028, 5, 5)),
        ("2026-05-05", date(2026, 5, 5)),
        ("in three days", date(2026, 11, 21)),
        ("on the fifth", date(2026, 12, 5)),
        ("2/30", None),
        ("I may come", None),
    ],
)
def test_dates_are_reckoned_from_now(said: str, expected: date | None) -> None:
    found = dates.days(tokens(said), NOW.date())
    assert [day.value for day in found] == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("half past three", "15:30"),
        ("quarter to five", "16:45"),
        ("3 pm", "15:00"),
        ("3 p.m.", "15:00"),
        ("8:30am", "08:30"),
        ("noon", "12:00"),
        ("at seven thirty", "19:30"),
        ("eight o'clock in the evening", "20:00"),
        ("at 9", "09:00"),
        ("twelve thirty am", "00:30"),
        ("18:45", "18:45"),
        ("for seven people", None),
        ("25:99", None),
    ],
)
def test_times_are_read_as_said(said: str, expected: str | None) -> None:
    found = dates.clocks(tokens(said))
    assert [f"{clock.value:%H:%M}" for clock in found] == ([expected] if expected else [])


def slots(required: str, /, **properties: Any) -> Function:
    schema = {"type": "object", "properties": properties, "required": required.split()}
    return Function("do", "", schema | {"$defs": {"Size": {"enum": ["small", "extra_large"]}}})


@pytest.mark.parametrize(
    ("schema", "said", "expected"),
    [
        ({"type": "string", "format": "email"}, "It's Ann dot Lee at example dot com.",
         "ann.lee@example.com"),
        ({"type": "string", "format": "email"}, "ann@example.com", "ann@example.com"),
        ({"type": "string", "format": "date-time"}, "tomorrow at noon",
         "2026-11-19T12:00:00+00:00"),
        ({"$ref": "#/$defs/Size"}, "An extra large one.", "extra_large"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "twenty three", 23),
        ({"type": ["number", "null"]}, "It is 4.5.", 4.5),
        ({"type": "boolean"}, "Yes, please.", True),
        ({"type": "boolean"}, "No.", False),
        ({"type": "string", "pattern": r"^[A-Z]{2}-\d{4}$"}, "K X 4 2 1 7", "KX-4217"),
        ({"type": "string", "pattern": r"^\d{4}$"}, "42", None),
        ({"type": "integer", "maximum": 10}, "Twelve.", None),
        ({"type": "array", "items": {"type": "integer"}}, "one, three and nine", [1, 3, 9]),
        ({"oneOf": [{"const": "red"}, {"const": "blue"}]}, "Blue, I think.", "blue"),
        ({"type": "string", "description": "Duration"}, "Half a year", "Half a year"),
        ({"type": "integer", "description": "Length in minutes"}, "an hour and a half", 60),
    ],
)  # fmt: skip
def test_an_answer_becomes_a_value_of_the_schemas_type(
    schema: dict[str, Any], said: str, expected: Any
) -> None:
    found = fill(parameters(slots("value", value=schema)), said, NOW, asked="value")
    assert found.get("value") == expected


def test_each_word_is_used_once_and_goes_where_it_belongs() -> None:
    function = slots(
        "origin destination date seats",
        origin={"type": "string", "description": "City to leave from"},
        destination={"type": "string", "description": "City to travel to"},
        date={"type": "string", "format": "date"},
        seats={"type": "integer", "description": "How many seats"},
    )
    said = "Two seats from Paris to New York on May 5th, please."
    assert fill(parameters(function), said, NOW) == {
        "origin": "Paris",
        "destination": "New York",
        "date": "2027-05-05",
        "seats": 2,
    }


def test_a_person_is_read_behind_to() -> None:
    function = slots(
        "amount recipient",
        amount={"type": "number", "description": "Amount in dollars"},
        recipient={"type": "string", "description": "Name of the person who gets it"},
    )
    said = "Send fifty dollars to Maria Lopez."
    assert fill(parameters(function), said, NOW) == {"amount": 50, "recipient": "Maria Lopez"}


@pytest.mark.parametrize(
    ("name", "schema", "asked"),
    [
        ("order_id", {"description": "The order number, e.g. 4217"}, "What is the order number?"),
        ("order_id", {}, "What is the order number?"),
        ("party_size", {"description": "Number of people"}, "How many people?"),
        ("name", {"description": "The customer's name"}, "What is your name?"),
        ("size", {"enum": ["small", "large"]}, "What is the size: small or large?"),
        ("day", {"description": "Which day to come"}, "Which day to come?"),
        ("express", {"type": "boolean", "description": "Whether it is urgent"},
         "Yes or no: it is urgent?"),
    ],
)  # fmt: skip
def test_questions_come_from_descriptions(name: str, schema: dict[str, Any], asked: str) -> None:
    (parameter,) = parameters(slots(name, **{name: {"type": "string"} | schema}))
    assert question(parameter) == asked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Lee is in. Come!", ["Dr. Lee is in.", "Come!"]),
        ("It costs 3.50 dollars. Yes.", ["It costs 3.50 dollars.", "Yes."]),
        ("Well... maybe. Or not?", ["Well... maybe.", "Or not?"]),
        ("At 5 p.m. today. Bye.", ["At 5 p.m. today.", "Bye."]),
        ('He said "no." Then left.', ['He said "no."', "Then left."]),
        ("# Title\n- one\n- two", ["Title", "one", "two"]),
        ("See [this](https://example.com/x).", ["See this."]),
        ("```\ncode()\n```\nDone.", ["Done."]),
    ],
)
def test_text_is_cut_into_sentences_for_the_voice(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected
    splitter = Splitter(quick_start=0)
    by_letter = [one for char in text for one in splitter.feed(char)]
    assert [*by_letter, *splitter.close()] == expected


def test_the_first_piece_may_end_at_a_comma() -> None:
    splitter = Splitter()
    text = "I have looked at the order that you named just now, and it is on its way, I see"
    assert list(splitter.feed(text)) == ["I have looked at the order that you named just now,"]
    assert list(splitter.close()) == ["and it is on its way, I see"]


def test_emphasis_goes_and_arithmetic_stays() -> None:
    assert for_speech("**Yes**, _really_ `now` 2 * 3 snake_case_name") == (
        "Yes, really now 2 3 snake_case_name"
    )


@pytest.mark.parametrize("group", [("cancel", "cancelled", "cancellation"), ("ship", "shipping"),
                                   ("deliver", "delivery"), ("order", "orders")])  # fmt: skip
def test_forms_of_a_word_share_their_stem(group: tuple[str, ...]) -> None:
    assert len({stem(word) for word in group}) == 1


def test_wordpiece_gives_berts_own_ids() -> None:
    assert token_ids("Hello, world!") == [101, 7592, 1010, 2088, 999, 102]
    assert token_ids("embeddings") == [101, 7861, 8270, 4667, 2015, 102]
    assert token_ids("naïve CAFÉ") == [101, 15743, 7668, 102]


def test_alike_meanings_are_nearer_than_strangers() -> None:
    meaning = find_meaning()
    if meaning is None:
        pytest.skip("MiniLM is not installed")
    near = meaning.likeness("my parcel has not come", "the delivery is late")
    far = meaning.likeness("my parcel has not come", "a song about the sea")
    assert near > far + 0.2


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Wait, stop. what time is it?", "what time is it?"),
        ("Hold on, how much is the blue one?", "how much is the blue one?"),
        ("Wait, 4218.", "Wait, 4218."),
        ("Wait, the number is 4218.", "Wait, the number is 4218."),
        ("Wait, what?", "Wait, what?"),
        ("Stop my order 4218.", "Stop my order 4218."),
    ],
)
def test_an_interruption_before_a_question_is_no_part_of_it(said: str, meant: str) -> None:
    assert phrases.core(said) == meant
