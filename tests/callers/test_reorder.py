"""Pieces by number: in order, without stalling, without repeating."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.callers.reorder import HELD, Reorder


def given_out(*numbers: int) -> list[int]:
    order: Reorder[int] = Reorder()
    return [piece for number in numbers for piece in order.push(number, number)]


def test_pieces_in_order_are_given_out_at_once() -> None:
    order: Reorder[int] = Reorder()
    assert [list(order.push(number, number)) for number in (1, 2, 3)] == [[1], [2], [3]]


def test_two_that_are_swapped_are_put_right() -> None:
    assert given_out(1, 3, 2, 4) == [1, 2, 3, 4]


def test_the_first_two_may_be_swapped() -> None:
    assert given_out(2, 1, 3) == [1, 2, 3]


def test_counting_may_begin_at_nought() -> None:
    assert given_out(0, 1, 2) == [0, 1, 2]


def test_a_lost_piece_is_waited_for_so_long_and_no_longer() -> None:
    assert given_out(1, *range(3, 3 + HELD)) == [1]
    assert given_out(1, *range(3, 3 + HELD + 1)) == [1, *range(3, 3 + HELD + 1)]


def test_a_piece_that_comes_twice_is_given_out_once() -> None:
    assert given_out(1, 1, 2, 2, 4, 4, 3) == [1, 2, 3, 4]


def test_a_piece_after_its_place_was_given_up_is_dropped() -> None:
    held = range(3, 3 + HELD + 1)
    assert given_out(1, *held, 2, 9) == [1, *held, 9]


def test_numbers_that_begin_anew_are_followed() -> None:
    assert given_out(*range(100, 110), *range(1, 9))[-2:] == [7, 8]


def test_what_is_held_back_comes_at_the_end() -> None:
    order: Reorder[int] = Reorder()
    assert [piece for number in (1, 4, 3) for piece in order.push(number, number)] == [1]
    assert list(order.rest()) == [3, 4]
    assert list(order.rest()) == []


@given(st.lists(st.integers(0, 40), max_size=200))
def test_whatever_comes_nothing_is_held_for_ever(numbers: list[int]) -> None:
    order: Reorder[int] = Reorder()
    out = [piece for number in numbers for piece in order.push(number, number)]
    assert len(list(order.rest())) <= HELD
    assert len(out) <= len(numbers)


@given(st.integers(1, 60).flatmap(lambda n: st.permutations(range(n))))
def test_a_window_that_was_shuffled_is_put_right(numbers: list[int]) -> None:
    blocks = [numbers[at : at + HELD] for at in range(0, len(numbers), HELD)]
    shuffled = [1, *(2 + at * HELD + place for at, b in enumerate(blocks) for place in _ranks(b))]
    order: Reorder[int] = Reorder()
    out = [piece for number in shuffled for piece in order.push(number, number)]
    assert [*out, *order.rest()] == sorted(shuffled)


def _ranks(block: list[int]) -> list[int]:
    return [sorted(block).index(number) for number in block]
