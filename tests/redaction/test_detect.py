"""Detection: cards, IBANs, addresses and telephones, written and spoken; and what is none."""

from __future__ import annotations

import string
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.redaction.detect import (
    BLOCK,
    COVER,
    KINDS,
    LONGEST,
    Policy,
    cover,
    find,
    opened,
    redact,
)
from gateway.redaction.numbers import luhn, mod_97
from tests.redaction.examples import CARDS, EMAILS, HARMLESS, IBANS, NUMBERS, PHONES


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        *(("card", said) for said in CARDS),
        *(("iban", said) for said in IBANS),
        *(("email", said) for said in EMAILS),
        *(("phone", said) for said in PHONES),
    ],
)
@pytest.mark.parametrize(
    "sentence", ["{}", "my number is {} thanks", "Ja, also: {}.", '{{"value": "{}"}}']
)
def test_it_is_found_in_whatever_form_it_is_given(kind: str, said: str, sentence: str) -> None:
    text = sentence.format(said)
    (found,) = find(text, Policy(frozenset(KINDS)))
    at = text.index(said)
    assert found.start <= at + 1  # a bracket before the number may stay
    assert found.end >= at + len(said)
    assert said not in redact(text)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        *(("card", CARDS[1]), ("card", CARDS[5]), ("iban", IBANS[7]), ("email", EMAILS[5])),
        *(("phone", PHONES[0]), ("phone", PHONES[9]), ("number", NUMBERS[0])),
        *(("number", NUMBERS[2]), ("email", EMAILS[0])),
    ],
)
def test_it_is_called_what_it_is(kind: str, said: str) -> None:
    assert redact(f"it is {said}, yes") == f"it is [{kind}], yes"


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_such_number_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("said", NUMBERS)
def test_a_long_number_counts_from_as_many_digits_on_as_the_policy_says(said: str) -> None:
    assert find(said)
    assert not find(said, Policy(frozenset({"number"}), digits=13))


def test_only_what_the_policy_names_is_looked_for() -> None:
    text = f"{CARDS[0]} {EMAILS[0]}"
    assert redact(text, Policy(frozenset({"email"}))) == f"{CARDS[0]} [email]"
    assert redact(text, Policy(frozenset({"card"}))) == f"[card] {EMAILS[0]}"
    assert redact(text, Policy(frozenset())) == text


def test_a_card_is_found_within_a_longer_row_of_digits_when_only_cards_are_sought() -> None:
    text = "order 12 4111 1111 1111 1111 twice"
    assert "1111" not in redact(text, Policy(frozenset({"card"})))


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("my card is four one one", "four one one"),
        ("it is 4111 1111, ", "4111 1111, "),
        ("write to anna at", "anna at"),
        ("write to anna at example dot", "anna at example dot"),
        ("my IBAN is D E eight", "D E eight"),
        ("plus four nine", "plus four nine"),
        ("that is all", ""),
        ("write to anna at example dot com please", ""),
        ("four one one and that is all", ""),
    ],
)
def test_what_may_go_on_in_the_next_words_is_open(text: str, rest: str) -> None:
    assert text[opened(text) :] == rest


digits = st.integers(13, 19).flatmap(
    lambda length: st.text("0123456789", min_size=length - 1, max_size=length - 1)
)
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
WORTE = ["null", "eins", "zwo", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]


def with_check_digit(body: str) -> str:
    return next(body + last for last in string.digits if luhn(body + last))


@settings(max_examples=60, deadline=None)
@given(digits, st.sampled_from(["", " ", "-", " - ", ", "]), st.sampled_from([None, WORDS, WORTE]))
def test_every_card_is_found_in_every_grouping(
    body: str, gap: str, words: list[str] | None
) -> None:
    number = "4" + with_check_digit("4" + body[:-1])[1:]
    said = gap.join(words[int(one)] for one in number) if words and gap else gap.join(number)
    assert redact(f"it is {said} ok") == "it is [card] ok"


@settings(max_examples=60, deadline=None)
@given(st.text("0123456789", min_size=18, max_size=18), st.sampled_from(["", " "]))
def test_every_iban_is_found(account: str, gap: str) -> None:
    check = 98 - mod_97(f"DE00{account}")
    iban = f"DE{check:02}{account}"
    said = gap.join(iban[at : at + 4] for at in range(0, 22, 4))
    assert redact(f"auf {said} bitte") == "auf [iban] bitte"


ALPHABET = st.sampled_from([*"0123456789", *" -.,@_+/\n", *WORDS, *WORTE, "at", "dot", "double"])


@settings(max_examples=150, deadline=None)
@given(st.lists(ALPHABET | st.text(max_size=3), max_size=60).map(" ".join))
def test_findings_are_apart_and_what_is_redacted_holds_none(text: str) -> None:
    found = find(text)
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert all(one.end <= after.start for one, after in pairwise(found))
    assert not [one for one in find(cover(text)) if COVER not in cover(text)[one.start : one.end]]
    assert len(cover(text)) == len(text)
    assert opened(text) <= len(text)


@pytest.mark.parametrize(
    "piece",
    ["1 ", "a@", "at ", "de12 ", "double ", "1,111", "@.", "a at b dot com ", "see it at b.com "],
)
def test_a_long_text_takes_no_more_steps_a_sign_than_a_short_one(piece: str) -> None:
    def steps(text: str) -> int:
        count = 0

        def count_line(frame: object, event: str, argument: object) -> object:
            nonlocal count
            count += 1
            return count_line

        before = sys.gettrace()
        sys.settrace(count_line)  # type: ignore[arg-type]
        try:
            find(text)
        finally:
            sys.settrace(before)
        return count

    short, long = steps(piece * 200), steps(piece * 800)
    assert long < 6 * short


def test_of_a_very_long_text_whatever_may_be_a_number_is_hidden_and_most_words_are_not() -> None:
    words = "lorem ipsum dolor sit amet, consectetur elit. " * 500
    for at in (0, LONGEST - 9, LONGEST + 3, LONGEST + BLOCK - 4, len(words)):
        text = f"{words[:at]} {CARDS[1]} {words[at:]}"
        assert CARDS[1][:6] not in cover(text)
        assert CARDS[1][-6:] not in cover(text)
        assert len(cover(text)) == len(text)
        assert cover(text).count(COVER) < 4 * BLOCK
        assert CARDS[1] not in redact(text)
    assert cover(words, Policy(frozenset())) == words


def test_a_number_right_behind_another_is_found_too() -> None:
    text = f"{IBANS[6]} {PHONES[2]} {PHONES[7]}"
    assert not [one for one in (*text.split(), "1234567") if one in redact(text)]


def test_a_number_before_an_address_that_is_spelled_is_found_whole() -> None:
    spelled = "john dot smith at example dot com"
    text = f"{PHONES[2]}\n{IBANS[6]} a b c\n{CARDS[4]} {spelled}"
    assert not [one for one in redact(text) if one.isdecimal()]
    assert spelled not in redact(text)
