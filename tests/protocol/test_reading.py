"""One event of a client is an object of bounded length and depth, with a type, perhaps a name."""

from __future__ import annotations

import json

import pytest

from gateway.protocol.reading import DEEPEST, MAX_EVENT, decoded, parsed
from gateway.protocol.wire import Refused


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize("levels", [1, DEEPEST])
def test_what_is_not_too_deep_is_read(levels: int) -> None:
    assert json.dumps(decoded(nested(levels))) == nested(levels)


@pytest.mark.parametrize("levels", [DEEPEST + 1, 900, 100_000])
def test_what_is_deeper_than_whatever_walks_through_it_is_refused(levels: int) -> None:
    for text in (nested(levels), '{"a":' * levels + "1" + "}" * levels):
        with pytest.raises(Refused) as refused:
            decoded(text)
        assert refused.value.code == "invalid_json"


def test_what_is_too_long_is_not_even_read() -> None:
    with pytest.raises(Refused) as refused:
        parsed(" " * (MAX_EVENT + 1))
    assert refused.value.code == "string_above_max_length"
