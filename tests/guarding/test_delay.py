"""What holding costs the caller stays small, and is what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guarding.delay import added, percentile, row

PAGE = Path(__file__).parents[2] / "docs/guardrails.md"


@pytest.mark.parametrize(("speed", "lead"), [(2.0, 0), (8.0, 300)])
def test_a_held_answer_comes_less_than_300_ms_later(speed: float, lead: int) -> None:
    first, last = added(speed, lead)
    assert percentile(first, 0.95) < 300
    assert percentile(last, 0.95) < 300
    assert row(speed, lead) in PAGE.read_text()
