"""Lines: what a side has said in several of them is looked at as one."""

from __future__ import annotations

import pytest

from gateway.redaction.detect import ALL
from gateway.redaction.lines import KEPT, LONGEST, Line, Lines, redacted

HALF = "four one one one one one one one"
REST = "one one one one one one one one"
HIDDEN = "".join(sign if sign == " " else "\u2588" for sign in HALF)
SIDE = "caller"


def halves(lines: Lines) -> Line:
    """A card in two lines; the first of them."""
    first = lines.put(SIDE, "item_1", HALF)
    lines.put(SIDE, "item_2", REST)
    return first


def test_a_number_is_found_across_two_lines_and_told_of_once() -> None:
    lines = Lines(ALL)
    first = halves(lines)
    assert lines.look(SIDE) == ["item_1", "item_2"]
    assert first.covered() == HIDDEN
    assert lines.look(SIDE) == ["item_2"], "the newest always"


@pytest.mark.parametrize("more", ["That is all.", "x " * (LONGEST // 2)], ids=["lines", "length"])
def test_a_line_that_is_let_go_stays_covered_as_it_was_with_all_the_others(more: str) -> None:
    lines = Lines(ALL)
    first = halves(lines)
    for number in range(KEPT):
        lines.put(SIDE, f"more_{number}", more)
    assert lines.line(SIDE, "item_1") is None
    assert not first.kept
    assert first.covered() == HIDDEN, "though nobody has looked before it went"


def test_the_rest_of_a_number_stays_covered_when_its_beginning_is_let_go() -> None:
    lines = Lines(ALL)
    halves(lines)
    rest = lines.line(SIDE, "item_2")
    assert rest is not None
    lines.put(SIDE, "item_2", f"{REST}. The other is 4111 1111 1111 1111")
    for number in range(2 * KEPT):
        lines.put(SIDE, f"more_{number}", "That is all.")
    assert not rest.kept
    assert rest.redacted() == "[card]. The other is [card]"
    assert lines.look(SIDE)[-1] == f"more_{2 * KEPT - 1}"


def test_a_line_that_grows_is_looked_at_anew_and_another_side_is_not() -> None:
    lines = Lines(ALL)
    line = lines.put(SIDE, "item_1", "It is 41", whole=False)
    lines.put("assistant", "item_2", "Go on.")
    assert not lines.is_open("assistant")
    assert lines.open_at(SIDE, "item_1") == len("It is ")
    lines.look(SIDE)
    assert line.covered() == "It is 41"
    lines.put(SIDE, "item_1", "It is 4111 1111 1111 1111", whole=False)
    lines.look(SIDE)
    assert line.redacted() == "It is [card]"
    lines.put(SIDE, "item_1", "It is 41 degrees", whole=False)
    assert lines.look(SIDE) == ["item_1"]
    assert line.covered() == "It is 41 degrees"


def test_what_stands_at_the_end_is_no_beginning_when_all_is_over() -> None:
    lines = Lines(ALL)
    line = lines.put(SIDE, "item_1", "My number is 4111", whole=False)
    lines.look(SIDE)
    assert line.covered() == "My number is \u2588\u2588\u2588\u2588"
    lines.over()
    lines.look(SIDE)
    assert line.covered() == "My number is 4111"


@pytest.mark.parametrize("between", ["", "Yes, okay."], ids=["in a row", "with nods"])
@pytest.mark.parametrize("pieces", [list("4155550123"), ["yes, 41", "11"] * 4], ids=["1", "2"])
def test_a_number_that_is_said_a_digit_or_two_at_a_time_is_covered(
    pieces: list[str], between: str
) -> None:
    lines = Lines(ALL)
    said: list[Line] = []
    for number, piece in enumerate(pieces):
        said.append(lines.put(SIDE, f"item_{number}", piece))
        lines.look(SIDE)
        if between:
            lines.put(SIDE, f"nod_{number}", between)
            lines.look(SIDE)
    for number in range(2 * KEPT):
        lines.put(SIDE, f"more_{number}", "That is all of it.")
        lines.look(SIDE)
    assert not any(map(str.isdigit, "".join(line.redacted() for line in said)))


def test_short_numbers_with_a_yes_between_them_are_shown() -> None:
    lines = Lines(ALL)
    told = ["Order 4217.", "Yes.", "Two.", "Yes, okay.", "At 5.", "Yes."]
    said = [lines.put(SIDE, f"item_{number}", text) for number, text in enumerate(told)]
    lines.over()
    lines.look(SIDE)
    assert [line.redacted() for line in said] == told


def test_lines_that_only_say_okay_push_out_no_others_but_are_no_more_than_they() -> None:
    lines = Lines(ALL)
    lines.put(SIDE, "item_1", "41")
    for number in range(KEPT):
        lines.put(SIDE, f"nod_{number}", "Okay.")
    assert lines.line(SIDE, "item_1") is not None
    for number in range(10 * KEPT):
        lines.put(SIDE, f"nod_more_{number}", "Okay.")
    assert lines.line(SIDE, "item_1") is None


def test_a_whole_conversation_is_redacted_at_once() -> None:
    pieces = [(SIDE, HALF), ("assistant", "Go on."), (SIDE, REST)]
    more = [(SIDE, "That is all."), ("assistant", "Order 4217 is on its way.")] * KEPT
    assert redacted([*pieces, *more], ALL) == ["[card]", "Go on.", "[card]", *[t for _, t in more]]
