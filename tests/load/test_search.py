"""The most calls that go well are found in few tries."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.load.search import NEAR, Search


@given(st.integers(1, 50), st.integers(0, 3_000), st.integers(50, 2_000))
@settings(max_examples=60)
def test_it_ends_within_a_tenth_of_the_truth(first: int, holds: int, most: int) -> None:
    search, tries = Search(first, most), 0
    while (calls := search.next()) is not None:
        assert 1 <= calls <= most
        search.tried(calls, calls <= holds)
        tries += 1
    assert tries <= 20
    truth = min(holds, most)
    assert truth - max(1, NEAR * search.bad + 1) <= search.good <= truth
