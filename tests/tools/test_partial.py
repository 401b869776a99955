"""What is certain of arguments while they are being written."""

from __future__ import annotations

import json

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tools.partial import so_far


@pytest.mark.parametrize(
    ("written", "certain"),
    [
        ("", ""),
        ("{", ""),
        ('{"order', ""),
        ('{"order": "42', ""),
        ('{"order": "4217"', '{"order": "4217"}'),
        ('{"order": "4217", "po', '{"order": "4217"}'),
        ('{"order": "4217", "post', '{"order": "4217"}'),
        ('{"order": 42', ""),
        ('{"order": 4217,', '{"order": 4217}'),
        ('{"order": true}', '{"order": true}'),
        ('{"order": "a \\" b", ', '{"order": "a \\" b"}'),
        ('{"order": {"a": 1}', '{"order": {"a": 1}}'),
        ('{"order": {"a": 1', ""),
        ('{"order": [1, 2], "b": "x', '{"order": [1, 2]}'),
        ('["order"', ""),
        ("order", ""),
    ],
)
def test_an_entry_counts_once_no_further_piece_can_change_it(written: str, certain: str) -> None:
    assert so_far(written, ["order"]) == certain


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(
    arguments=st.dictionaries(st.text(max_size=3), VALUES, max_size=4),
    compact=st.booleans(),
)
def test_what_is_certain_is_a_part_of_the_whole_at_every_point(
    arguments: dict[str, object], compact: bool
) -> None:
    text = json.dumps(arguments, separators=(",", ":") if compact else None)
    for end in range(len(text) + 1):
        if certain := so_far(text[:end], ()):
            assert all(arguments[key] == value for key, value in json.loads(certain).items())
    assert json.loads(so_far(text, ())) == arguments
