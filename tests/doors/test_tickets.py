"""Tickets: each lets one call in, once and soon."""

from __future__ import annotations

from uuid import UUID

import pytest

from gateway.call.events import CallerJoined
from gateway.doors.tickets import Tickets, TooManyTicketsError

ADA = CallerJoined("+15550100", called="+15550101", metadata={"customer": "4711"})


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_ticket_is_good_once() -> None:
    tickets = Tickets()
    word = tickets.issue(ADA)
    assert tickets.redeem(word) == ADA
    assert tickets.redeem(word) is None


def test_a_ticket_is_a_uuid_in_any_spelling() -> None:
    tickets = Tickets()
    assert UUID(tickets.issue(ADA)).version == 4
    assert tickets.redeem(f" {tickets.issue(ADA).upper()} ") == ADA


@pytest.mark.parametrize("word", ["", "guess", "00000000-0000-4000-8000-000000000000", "\0"])
def test_nobody_gets_in_by_a_guess(word: str) -> None:
    tickets = Tickets()
    tickets.issue(ADA)
    assert tickets.redeem(word) is None
    assert len(tickets) == 1


def test_a_ticket_expires() -> None:
    clock = Clock()
    tickets = Tickets(clock)
    word, later = tickets.issue(ADA, 60), tickets.issue(ADA, 61)
    clock.now = 60.0
    assert tickets.redeem(word) is None
    assert tickets.redeem(later) == ADA


def test_tickets_that_nobody_uses_are_forgotten_and_bounded() -> None:
    clock = Clock()
    tickets = Tickets(clock, limit=3)
    for _ in range(3):
        tickets.issue(ADA, 10)
    with pytest.raises(TooManyTicketsError, match="3 tickets wait"):
        tickets.issue(ADA)
    clock.now = 10.0
    tickets.issue(ADA)
    assert len(tickets) == 1
