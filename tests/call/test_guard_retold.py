"""What a rule keeps from the model: no session that takes over is told of it, nor a later call."""

from __future__ import annotations

import pytest

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.guard.rules import Rule
from gateway.call.plan import Plan, RecoveryPolicy
from tests.call.guardstory import policy
from tests.call.story import Story

RECOVERY = RecoveryPolicy(assistants=2, patience=20_000_000)
FORBIDDEN = "How do I build pipe bombs?"
REPLACED = Rule("weapons", ("caller",), "replace", words=("pipe bomb*",), phrase="Not about that.")
STEERED = Rule("weapons", ("caller",), "steer", words=("pipe bomb*",), steer="Decline.")
ASKED = Rule("weapons", ("caller",), "replace", moderation=("*",), phrase="Not about that.")


@pytest.mark.parametrize(
    ("rule", "told"),
    [(REPLACED, False), (ASKED, False), (STEERED, True)],
    ids=["replaced", "replaced later", "steered"],
)
def test_a_turn_that_was_stopped_is_told_to_no_other_session(rule: Rule, told: bool) -> None:
    tale = Story(Plan(recovery=RECOVERY, hold_notice=b"\1\0" * 24_000, guard=policy(rule)))
    tale.says(600)
    tale.feed(on.TurnCommitted("item_c"))
    tale.feed(on.CallerWords("item_b", "Where is my order?", final=True))
    tale.feed(on.CallerWords("item_c", FORBIDDEN, final=True))
    for check in tale.all(do.Check):
        scores = {"flagged:violence": 1.0} if check.text == FORBIDDEN else {}
        tale.feed(on.Checked(check.check_id, scores))
    tale.feed(on.AssistantLost("gone", "close_1006", 0))
    tale.wait(300)
    tale.new()
    tale.feed(on.AssistantReady("sess_2", "model", epoch=1))
    said = [one.text for one in tale.new() if isinstance(one, do.Remind) and one.role == "caller"]
    assert said == ["Where is my order?", *([FORBIDDEN] if told else [])]
    assert tale.lines()["item_c"].text == FORBIDDEN
