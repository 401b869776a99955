"""A picture on the page's wire: what is taken, and what is no picture at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.call.events import CallerShowed
from gateway.callers.browser import BrowserDialect, Greeting
from gateway.errors import WireError

URL = "data:image/jpeg;base64,/9j/4AAQ+w=="


def shown(**fields: Any) -> list[Any]:
    dialect = BrowserDialect(Greeting("call", "a", "gateway"))
    list(dialect.decode(json.dumps({"type": "start", "reports": True})))
    return list(dialect.decode(json.dumps({"type": "image", "url": URL, **fields})))


def test_a_picture_comes_with_the_words_to_it() -> None:
    data = b"\xff\xd8\xff\xe0\x00\x10\xfb"
    assert shown(text="Look!") == [CallerShowed("image/jpeg", data, "Look!")]


def test_what_only_looks_like_a_picture_is_no_fault_of_the_line() -> None:
    assert shown(url=URL[:-2]) == [CallerShowed("image/jpeg", b"")]


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://example.com/a.png", id="an address"),
        pytest.param("data:image/svg+xml;base64,AAAA", id="a drawing"),
        pytest.param(URL + '"', id="a quote at its end"),
        pytest.param(URL + "A" * 250_000, id="too long"),
    ],
)
def test_what_is_no_small_picture_is_refused(url: str) -> None:
    with pytest.raises(WireError):
        shown(url=url)
