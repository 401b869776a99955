"""Errands: the orders that the session itself carries out, beside the two legs."""

from __future__ import annotations

from gateway.call.guard.words import Check, Guarded
from gateway.call.value import value


@value
class RunTool:
    """Run a tool beside the conversation; answered by ToolFinished."""

    call_id: str
    name: str
    arguments: str
    consent: str = ""  # the caller's words, where the tool needed them


@value
class PrefetchTool:
    """Begin a tool that changes nothing, if what has been written of its arguments will do."""

    call_id: str
    name: str
    arguments: str  # as far as they are written


@value
class CancelTool:
    """Stop a tool whose answer nobody waits for."""

    call_id: str


@value
class Dial:
    """Open another session with a model beside the one in use; answered by AssistantReady or Lost.

    A session that was dialled before and is not in use is given up.
    """

    assistant: int  # its place in the plan's order of preference
    epoch: int


@value
class Use:
    """Talk to the session of this epoch from now on, and end the one before."""

    epoch: int


@value
class Reserve:
    """Set money aside from the budgets that others spend, too; answered by Reserved.

    Sums are nanodollars of the whole call: it has spent so much, and may come to so much. Where
    both are the same, nothing is set aside any more.
    """

    number: int
    spent: int
    upto: int


@value
class End:
    """The call is over; nothing follows."""

    reason: str


ToSession = RunTool | PrefetchTool | CancelTool | Check | Guarded | Dial | Use | Reserve | End
