"""Company: the caller who waits for the model hears in time that the line is alive."""

from __future__ import annotations

from gateway.call import effects as do
from gateway.call.plan import Plan, RecoveryPolicy
from tests.call.story import Story

AFTER = 700_000  # microseconds


def test_the_wait_counts_from_the_request_though_nothing_happens_after_it() -> None:
    policy = RecoveryPolicy(hold_after=AFTER)
    tale = Story(Plan(recovery=policy, hold_notice=b"\1\0" * 24_000))
    tale.says(600)
    asked = round(tale.times(do.Respond)[-1] * 1_000)
    assert tale.call.deadline == asked + AFTER
    tale.wait(AFTER // 1_000)
    assert tale.times(do.Play)[0] * 1_000 == asked + AFTER
