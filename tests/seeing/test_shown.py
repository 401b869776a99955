"""The pictures of a call: which are seen, how many are kept, and what is none."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from gateway.call.events import CallerAsked, CallerShowed, CallerText
from gateway.seeing.shown import BYTES, KEPT, Pictures
from tools.context import Image


def asked(*content: Any) -> CallerAsked:
    item = {"type": "message", "role": "user", "content": list(content)}
    return CallerAsked({"type": "conversation.item.create", "item": item}, "caller_1")


def picture(data: bytes, kind: str = "image/png") -> dict[str, str]:
    url = f"data:{kind};base64,{b64encode(data).decode()}"
    return {"type": "input_image", "image_url": url}


def test_pictures_of_the_page_and_of_a_client_are_kept_in_order() -> None:
    shown = Pictures()
    shown.see(CallerShowed("image/jpeg", b"one"))
    shown.see(asked({"type": "input_text", "text": "And these?"}, picture(b"two"), picture(b"3")))
    assert shown.images == (
        Image("image/jpeg", b"one"),
        Image("image/png", b"two"),
        Image("image/png", b"3"),
    )


@pytest.mark.parametrize(
    "event",
    [
        CallerText("data:image/png;base64,AAAA"),
        CallerAsked({"type": "conversation.item.delete", "item_id": "item_1"}, "caller_1"),
        CallerAsked({"type": "conversation.item.create", "item": {"content": "words"}}, "caller_1"),
        asked("words", {"type": "input_image"}, {"type": "input_image", "image_url": 7}),
        asked({"type": "input_image", "image_url": "https://example.com/a.png"}),
        asked({"type": "input_image", "image_url": "data:text/html;base64,AAAA"}),
        asked({"type": "input_image", "image_url": "data:image/png;base64,A~A"}),
        asked({"type": "input_image", "image_url": "data:image/png;base64,\N{SNOWMAN}"}),
        asked({"type": "input_text", "image_url": "data:image/png;base64,AAAA"}),
    ],
)
def test_what_is_no_picture_is_passed_over_and_nothing_is_fetched(event: Any) -> None:
    shown = Pictures()
    shown.see(event)
    assert shown.images == ()


def test_the_oldest_go_where_there_are_too_many_or_they_are_too_large() -> None:
    shown = Pictures()
    for number in range(KEPT + 2):
        shown.see(CallerShowed("image/png", bytes([number])))
    assert [one.data[0] for one in shown.images] == list(range(2, KEPT + 2))
    large = bytes(BYTES // 2)
    for _ in range(3):
        shown.see(CallerShowed("image/png", large))
    assert [len(one.data) for one in shown.images] == [len(large)] * 2
