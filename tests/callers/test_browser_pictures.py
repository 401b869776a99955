"""A picture that the caller shows: to an assistant that sees, and to one that does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.call.effects import Relay, Respond
from gateway.call.events import (
    AnswerWanted,
    AssistantReady,
    CallerAsked,
    CallerJoined,
    CallerOrdered,
    CallerShowed,
    CallerText,
)
from gateway.call.machine import Call
from gateway.call.plan import Plan
from gateway.callers.browser import UNSEEN, BrowserDialect, Greeting
from gateway.errors import WireError

URL = "data:image/jpeg;base64,/9j/4AAQ+w=="


def shown(sees: bool, **fields: Any) -> list[Any]:
    dialect = BrowserDialect(Greeting("call", "a", "gateway", sees))
    list(dialect.decode(json.dumps({"type": "start", "reports": True})))
    return list(dialect.decode(json.dumps({"type": "image", "url": URL, **fields})))


def test_an_assistant_that_sees_is_shown_it_and_asked() -> None:
    stop, asked, wanted = shown(sees=True, text="What is this?")
    assert isinstance(stop, CallerOrdered)
    assert isinstance(wanted, AnswerWanted)
    assert isinstance(asked, CallerAsked)
    assert asked.message["item"]["content"] == [
        {"type": "input_image", "image_url": URL},
        {"type": "input_text", "text": "What is this?"},
    ]


def test_the_call_sends_it_on_as_it_is_and_asks_for_an_answer() -> None:
    call = Call(Plan())
    for fact in (CallerJoined(), AssistantReady()):
        call.handle(fact, 0)
    orders = [order for fact in shown(sees=True) for order in call.handle(fact, 1_000)]
    (relayed,) = [order for order in orders if isinstance(order, Relay)]
    assert relayed.message["item"]["content"] == [{"type": "input_image", "image_url": URL}]
    assert [type(order) for order in orders].index(Relay) < [type(o) for o in orders].index(Respond)


def test_one_that_does_not_is_told_in_words() -> None:
    picture, said = shown(sees=False, text="Look!")
    assert said == CallerText(f"Look! {UNSEEN}")
    assert picture == CallerShowed("image/jpeg", b"\xff\xd8\xff\xe0\x00\x10\xfb"), "for tools"


def test_what_only_looks_like_a_picture_is_no_fault_of_the_line() -> None:
    assert shown(sees=False, url=URL[:-2]) == [CallerText(UNSEEN)]


@pytest.mark.parametrize(
    "url",
    ["https://example.com/a.png", "data:image/svg+xml;base64,AAAA", URL + '"', URL + "A" * 250_000],
)
def test_what_is_no_small_picture_is_refused(url: str) -> None:
    with pytest.raises(WireError):
        shown(sees=True, url=url)
