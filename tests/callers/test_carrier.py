"""What the bridges to carriers share: words that come along with a call, and keys."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.call.events import CallerDigit
from gateway.callers.carrier import pressed, words
from gateway.errors import WireError


def test_what_comes_along_with_a_call_is_text_or_json_and_nothing_is_nothing() -> None:
    given = {"name": "Ada", "age": 36, "vip": True, "tags": ["a", {"b": None}], "none": None}
    said = {"name": "Ada", "age": "36", "vip": "true", "tags": '["a",{"b":null}]'}
    assert words(given) == said


def test_what_no_encoder_has_room_for_breaks_the_protocol() -> None:
    deep: Any = msgspec.json.decode("[" * 500 + "]" * 500)
    for _ in range(1_000):
        deep = [deep]
    with pytest.raises(WireError, match="less deep"):
        words({"deep": deep})


@pytest.mark.parametrize("key", ["5", "#", "*", "a", "D"])
def test_a_key_is_a_key_in_either_case(key: str) -> None:
    assert pressed(key) == (CallerDigit(key.upper()),)


@pytest.mark.parametrize("key", ["", "55", "flash", "w", "\u0663", "\u00df"])
def test_what_is_no_key_means_nothing(key: str) -> None:
    assert pressed(key) == ()
