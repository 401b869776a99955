"""Where the assistant's words are cut, however they come."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from gateway.call.guard.sentences import LONG, LONGEST, Sentences


def cut(*texts: str) -> list[str]:
    """The sentences, and at the end what is still open."""
    sentences, whole = Sentences(), [""]
    for text in texts:
        for piece, ends in sentences.push(text):
            whole[-1] += piece
            if ends:
                sentences.judged(whole[-1])
                whole.append("")
    return [one for one in whole if one]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("Hello. How are you? Fine!",), ["Hello. ", "How are you? ", "Fine!"]),
        (("Hel", "lo", ".", " How"), ["Hello.", " How"]),
        (
            (
                "It costs 4",
                ".",
                "50. Yes",
            ),
            ["It costs 4.50. ", "Yes"],
        ),
        (
            (
                "It costs 4.",
                " Yes",
            ),
            ["It costs 4. ", "Yes"],
        ),
        (('He said "no." Then',), ['He said "no." ', "Then"]),
        (("好。再见。",), ["好。", "再见。"]),
        (("One\ntwo",), ["One\n", "two"]),
        ((" ", "Hi. ", " "), [" ", "Hi. ", " "]),
        (("a" * LONG + ", and on",), ["a" * LONG + ", ", "and on"]),
        (("a" * LONG + ", and on, and on, ", "b"), ["a" * LONG + ", and on, and on, ", "b"]),
        (("a, b", ", c"), ["a, b, c"]),
        (("word " * (LONGEST // 5 + 2),), ["word " * (LONGEST // 5 + 2)]),
        (("x" * LONGEST * 2,), ["x" * LONGEST * 2]),
    ],
    ids=range(13),
)
def test_words_are_cut_where_a_sentence_ends(texts: tuple[str, ...], expected: list[str]) -> None:
    assert cut(*texts) == expected


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(alphabet="ab 1.,!\n", max_size=40), max_size=12))
def test_nothing_is_lost_and_nothing_is_open_for_ever(texts: list[str]) -> None:
    sentences = Sentences()
    pieces = [piece for text in texts for piece, _ in sentences.push(text)]
    assert "".join(pieces) == "".join(texts)
    assert len(sentences.open) < 2 * LONGEST + 40
