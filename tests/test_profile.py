"""What holds for every Hypothesis test, whatever it says of itself."""

from __future__ import annotations

from hypothesis import HealthCheck, settings


def test_no_verdict_of_a_property_test_hangs_on_the_machine_or_on_chance() -> None:
    profile = settings(max_examples=7)
    assert profile.deadline is None
    assert profile.derandomize
    assert HealthCheck.too_slow in profile.suppress_health_check
