"""Orders: the facts that reach a call from a caller that is a program and speaks the Realtime
protocol itself: it ends turns, asks for answers, answers functions, says where it stopped hearing.
"""

from __future__ import annotations

from typing import Any, Literal

from gateway.call.plan import Plan
from gateway.call.value import value


@value
class PlanChanged:
    """The caller wants the rest of the call to be otherwise. The gateway's tools stay."""

    plan: Plan


@value
class CallerOrdered:
    """The caller says itself: its turn is over, was none, the answer is to stop, or its sound."""

    order: Literal["commit", "clear", "cancel", "flush"]
    request: str = ""  # by which the caller's leg knows it again


@value
class AnswerWanted:
    """The caller asks for an answer; the options hold for that one alone."""

    options: dict[str, Any]
    request: str = ""


@value
class CallerCut:
    """The caller has stopped an item itself, and heard so much of it."""

    item_id: str
    samples: int


@value
class ToolAnswered:
    """The caller has answered a function of its own."""

    call_id: str
    output: str
    item_id: str = ""  # the name that the answer is to have as an item


@value
class CallerAsked:
    """A message of the model's protocol that the call has no word for, fenced by the leg."""

    message: dict[str, Any]
    request: str


FromClient = PlanChanged | CallerOrdered | AnswerWanted | CallerCut | ToolAnswered | CallerAsked
