"""What responses cost, and the rate limit that they leave."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.embedded.conversation import make_item
from gateway.embedded.usage import Cost, Meter, RateLimit, fitting, head_cost, item_cost, total

HEAD = Cost(("head",), 10)
FIRST, SECOND, THIRD = (Cost((name,), 5, 7) for name in "abc")


def cached(meter: Meter, *costs: Cost) -> int:
    return int(meter.usage(costs, 1, 1)["input_token_details"]["cached_tokens"])


def test_what_was_read_before_is_cached() -> None:
    meter = Meter()
    assert cached(meter, HEAD, FIRST) == 0
    assert cached(meter, HEAD, FIRST, SECOND) == 22
    assert cached(meter, HEAD, SECOND) == 10  # the oldest item has left: the rest is read anew
    assert cached(meter, Cost(("other head",), 10), FIRST) == 0


def test_an_answer_beside_the_conversation_does_not_spoil_its_cache() -> None:
    meter = Meter()
    cached(meter, HEAD, FIRST, SECOND)
    cached(meter, Cost(("classify",), 3), THIRD)
    cached(meter)  # one that failed before it read anything
    assert cached(meter, HEAD, FIRST, SECOND, THIRD) == 34


def test_the_sums_agree() -> None:
    usage = Meter().usage([HEAD, FIRST], 3, 4)
    assert usage["input_tokens"] == total([HEAD, FIRST]) == 22
    assert usage["output_tokens"] == 7
    assert usage["total_tokens"] == 29


def test_tools_are_read_with_the_instructions() -> None:
    tool = {"type": "function", "name": "f"}
    assert head_cost("abcd", []).text == 1
    assert head_cost("abcd", [tool]).text > 8
    assert head_cost("abcd", [tool]).key != head_cost("abcd", []).key


@given(st.lists(st.integers(1, 400), max_size=12), st.integers(0, 300), st.floats(0.1, 1))
def test_what_fits_is_the_latest_and_a_ratio_drops_more(
    lengths: list[int], window: int, ratio: float
) -> None:
    items = [
        make_item(
            {"type": "function_call_output", "call_id": "c", "output": "x" * length},
            "audio/pcm",
            lenient=False,
        )
        for length in lengths
    ]
    head = head_cost("", [])
    kept = fitting(head, items, window, "auto")
    assert kept is not None
    assert kept == items[len(items) - len(kept) :]
    assert total([item_cost(item) for item in kept]) <= window
    whole = total([item_cost(item) for item in items]) <= window
    assert (kept == items) == whole or not items
    fewer = fitting(head, items, window, {"type": "retention_ratio", "retention_ratio": ratio})
    assert fewer is not None
    assert len(fewer) <= len(kept)
    assert (fitting(head, items, window, "disabled") is None) == (not whole)


def test_the_rate_limit_fills_up_again() -> None:
    limit = RateLimit(600)
    [state] = limit.spend(100, now=0.0)["rate_limits"]
    assert (state["remaining"], state["reset_seconds"]) == (500, 10.0)
    [state] = limit.spend(0, now=5.0)["rate_limits"]
    assert state["remaining"] == 550
    [state] = limit.spend(10_000, now=60.0)["rate_limits"]
    assert (state["remaining"], state["reset_seconds"]) == (0, 60.0)
