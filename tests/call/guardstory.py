"""A story under rules, and what it takes to tell it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.guard.rules import GuardPolicy, Rule
from gateway.call.plan import Plan
from tests.call.story import Story

NO_ADVICE = Rule(
    "no-advice", ("assistant",), "replace", words=("buy shares",), phrase="I cannot advise on that."
)
ASKS = Rule("hate", ("assistant",), "replace", moderation=("hate*",), phrase="Let us go on.")


def policy(*rules: Rule, hold: bool = True, **how: Any) -> GuardPolicy:
    return GuardPolicy("shop", "1", "d1", hold=hold, rules=rules or (NO_ADVICE,), **how)


def story(*rules: Rule, hold: bool = True, plan: Plan | None = None, **how: Any) -> Story:
    """A caller has asked something, and the model begins to answer."""
    rules_of_call = policy(*rules, hold=hold, **how)
    told = Story(replace(plan or Plan(), guard=rules_of_call, guard_notice=b"\2" * 96))
    told.says(600)
    told.begins()
    told.new()
    return told


def sound(told: Story, mark: int, milliseconds: int, item: str = "item_a") -> None:
    """Sound that can be known again: every byte is the mark."""
    pcm = bytes([mark]) * (2 * told.plan.rate * milliseconds // 1000)
    told.feed(on.AssistantAudio("resp_1", item, pcm))


def played(told: Story) -> set[int]:
    """The marks of what went to the caller."""
    return {byte for play in told.all(do.Play) for byte in set(play.pcm)}


def guarded(told: Story) -> list[tuple[str, str, str]]:
    return [(one.rule, one.action, one.place) for one in told.all(do.Guarded)]


def texts(told: Story) -> str:
    """All that the caller was shown of the assistant's words, at any time."""
    lines = told.all(do.ShowWords)
    return " | ".join(line.text for line in lines if line.role == "assistant")


def asked(told: Story) -> str:
    """The instructions of the answer that was asked for last."""
    return told.all(do.Respond)[-1].instructions
