"""Funds: money is asked for before an answer, again in the middle, and given back after it."""

from __future__ import annotations

from gateway.call.effects import Reserve
from gateway.call.events import Reserved
from gateway.call.funds import Funds


def test_what_is_expected_is_asked_for_once_with_half_as_much_to_spare() -> None:
    funds = Funds()
    assert list(funds.expect(100, 40)) == [Reserve(1, 100, 160)]
    assert list(funds.expect(100, 40)) == []
    assert not funds.suffices(100, 40)
    funds.granted(Reserved(1, 160, 12, 34))
    assert funds.suffices(100, 40)
    assert funds.suffices(100, 60)
    assert list(funds.expect(100, 60)) == []
    assert list(funds.expect(100, 61)) == [Reserve(2, 100, 191)]
    assert (funds.caller_percent, funds.tenant_percent) == (12, 34)


def test_an_answer_of_another_number_says_nothing() -> None:
    funds = Funds()
    list(funds.expect(0, 40))
    funds.granted(Reserved(7, 60))
    assert not funds.suffices(0, 1)


def test_the_last_of_a_budget_is_enough_for_one_more_answer() -> None:
    funds = Funds()
    list(funds.expect(0, 40))
    funds.granted(Reserved(1, 5))
    assert funds.suffices(0, 40)
    assert not funds.gone
    assert list(funds.prolong(4, 20)) == []
    assert not funds.used_up(4)
    assert funds.used_up(5)
    assert list(funds.expect(5, 20)) == [Reserve(2, 5, 35)]
    funds.granted(Reserved(2, 5))
    assert funds.gone


def test_a_long_answer_has_more_set_aside_before_all_is_used() -> None:
    funds = Funds()
    list(funds.expect(0, 40))
    funds.granted(Reserved(1, 60))
    assert list(funds.prolong(45, 20)) == []
    assert list(funds.prolong(46, 20)) == [Reserve(2, 46, 76)]


def test_what_was_not_used_is_given_back_once() -> None:
    funds = Funds()
    list(funds.expect(0, 40))
    funds.granted(Reserved(1, 60))
    assert list(funds.rest(30)) == [Reserve(2, 30, 30)]
    funds.granted(Reserved(2, 30))
    assert list(funds.rest(30)) == []
    assert list(funds.rest(31)) == [Reserve(3, 31, 31)]  # the words of the caller, written down


def test_at_the_end_all_is_given_back_whatever_is_still_asked_for() -> None:
    funds = Funds()
    assert list(funds.finish(0)) == []
    list(funds.expect(0, 40))
    assert list(funds.finish(0)) == [Reserve(2, 0, 0)]
