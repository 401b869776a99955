"""How texts are read aloud."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.embedded.saying import Phrase, phrases, sayable


@pytest.mark.parametrize(
    ("written", "said"),
    [
        # ids digit by digit
        ("Your order number is 4217.", "Your order number is 4 2 1 7."),
        ("Order #4217, placed today", "Order 4 2 1 7, placed today"),
        ("#88 is next", "number 8 8 is next"),
        ("Order 1042 and order ID 88123456.", "Order 1 0 4 2 and order ID 8 8 1 2, 3 4 5 6."),
        ("order AB-1042", "order A B, 1 0 4 2"),
        ("It is A-1042", "It is A, 1 0 4 2"),
        ("The PIN is 0042.", "The PIN is 0 0 4 2."),
        ("card ending in 4242", "card ending in 4 2 4 2"),
        ("parcel 1Z999AA1012", "parcel 1, Z, 9 9 9, A A, 1 0 1 2"),
        ("Dial 4155552671", "Dial 4 1 5, 5 5 5, 2 6 7 1"),
        ("555-0123", "5 5 5, 0 1 2 3"),
        ("+1 415 555 2671", "plus 1, 4 1 5, 5 5 5, 2 6 7 1"),
        # quantities stay numbers
        ("I'd order 25 pizzas in 2026", "I'd order 25 pizzas in 2026"),
        ("1,042 units of 3.0625", "1,042 units of 3.0625"),
        ("MP3, H2O and COVID-19", "MP3, H2O and COVID-19"),
        ("room 12", "room 12"),
        # dates and times
        ("on 2026-03-04", "on March 4th, 2026"),
        ("2026-12-01T14:05:00Z", "December 1st, 2026 at 2 oh 5 PM"),
        ("2026-13-41", "2026-13-41"),
        ("at 7:30 pm", "at 7 30 PM"),
        ("at 7:30 p.m. sharp", "at 7 30 PM sharp"),
        ("10:00, 12:00, 00:00, 0:30", "10 o'clock, noon, midnight, 12 30 AM"),
        ("9:05 or 21:00", "9 oh 5 or 9 PM"),
        ("99:99", "99:99"),
        # money
        ("$19.99", "19 dollars and 99 cents"),
        ("€5 or £1.01", "5 euros or 1 pound and 1 penny"),
        ("$1,250.00 and $0.05", "1250 dollars and 5 cents"),
        ("$3.5 million", "3.5 million dollars"),
        # addresses
        ("Mail jo.smith@example.com.", "Mail jo dot smith at example dot com."),
        ("See https://www.example.com/help?x=1 now", "See example dot com slash help now"),
        # short forms and signs
        ("e.g. today, i.e. now, etc.", "for example today, that is now, and so on."),
        ("5% of 20°C", "5 percent of 20 degrees Celsius"),
        ("salt & pepper", "salt and pepper"),
        # markup and what has no sound
        ("**Bold** and `code`", "Bold and code"),
        ("# Title\n- one\n- two", "Title\none\ntwo"),
        ("[our page](https://example.com)", "our page"),
        ("Hello \U0001f600 there \u2192 you", "Hello there you"),
        ("[[h@loU]] <b>loud</b>", "h@loU loud"),
        ("a < b > c", "a < b > c"),
        # plain words stay as they are
        ("Dr. Smith said: no, thanks!", "Dr. Smith said: no, thanks!"),
        ("", ""),
    ],
)
def test_what_is_written_for_the_eye_is_said_in_words(written: str, said: str) -> None:
    assert sayable(written) == said


def test_each_sentence_is_a_phrase_with_a_pause_after_it() -> None:
    found = list(phrases("Hello there. How are you? Fine!"))
    assert [phrase.text for phrase in found] == ["Hello there.", "How are you?", "Fine!"]
    assert [phrase.pause for phrase in found] == [260, 260, 60]


def test_titles_and_initials_do_not_end_a_sentence() -> None:
    text = "Dr. Smith and J. R. Jones came at 5. e.g. never."
    assert [phrase.text for phrase in phrases(text)] == [text]


def test_a_line_is_a_sentence() -> None:
    assert [phrase.text for phrase in phrases("one\ntwo\n\nthree")] == ["one", "two", "three"]


def test_a_long_first_sentence_begins_with_its_first_clause() -> None:
    text = "Your order is on its way to you now, and it will arrive on the day that you asked for."
    first, second = phrases(text)
    assert first == Phrase("Your order is on its way to you now,", 130)
    assert second.text.startswith("and it will")


def test_a_long_sentence_is_parted_at_commas() -> None:
    text = "Short one. " + ", ".join(["twelve little words that go on"] * 20) + "."
    found = list(phrases(text))
    assert len(found) > 3
    assert all(len(phrase.text) <= 160 for phrase in found)
    assert all(phrase.text.endswith(",") and phrase.pause == 130 for phrase in found[1:-1])
    assert " ".join(phrase.text for phrase in found) == text


@pytest.mark.parametrize("text", ["", " \n ", "...", "?!", "\U0001f600"])
def test_a_text_without_words_has_no_phrases(text: str) -> None:
    assert list(phrases(sayable(text))) == []


@given(st.text(st.characters(codec="utf-8"), max_size=400))
def test_any_text_is_parted_without_losing_a_word(text: str) -> None:
    said = sayable(text)
    found = [phrase.text for phrase in phrases(said)]
    assert all(len(piece) <= 160 for piece in found)
    kept = [character for character in "".join(found) if character.isalnum()]
    assert kept == [character for character in said if character.isalnum()]


@pytest.mark.parametrize(
    "text",
    [
        "a" * 50_000,
        "1" * 50_000,
        "*" * 50_000,
        "a.b-" * 12_000,
        "[" * 50_000,
        " " * 50_000,
        "order " * 9_000,
        "1:2 " * 12_000,
        "$1," * 16_000,
        "<a " * 16_000,
        "```" * 9_000,
        "A1" * 25_000,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    for _ in phrases(sayable(text)):
        pass
    assert time.process_time() - began < 2
