"""Sound within items."""

from __future__ import annotations

import pytest

from gateway.protocol.sound import recoded
from gateway.protocol.wire import Refused


def test_only_the_sound_of_an_item_is_changed() -> None:
    parts = [{"type": "input_text", "text": "AAAA"}, {"type": "input_audio", "audio": "AAAA"}, 7]
    item = {"type": "message", "content": parts}
    changed = recoded(item, lambda sound: sound[::-1] + b"\1")
    assert changed["content"] == [parts[0], parts[1] | {"audio": "AAAAAQ=="}, 7]  # type: ignore[operator]
    assert recoded({"type": "function_call"}, bytes) == {"type": "function_call"}


def test_sound_that_is_none_is_refused_by_its_place() -> None:
    with pytest.raises(Refused) as refused:
        recoded({"content": [{"audio": "!"}]}, bytes)
    assert refused.value.param == "item.content[0].audio"
