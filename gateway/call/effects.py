"""Effects: the orders that a call gives, each a small frozen value.

Audio is mono, in the plan's encoding and at its rate; positions are samples at that rate.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal

from gateway.call.errands import CancelTool as CancelTool
from gateway.call.errands import Dial as Dial
from gateway.call.errands import End as End
from gateway.call.errands import PrefetchTool as PrefetchTool
from gateway.call.errands import Reserve as Reserve
from gateway.call.errands import RunTool as RunTool
from gateway.call.errands import ToSession as ToSession
from gateway.call.errands import Use as Use
from gateway.call.events import ResponseStatus, ToolCall, Usage
from gateway.call.guard.words import Check as Check
from gateway.call.guard.words import Guarded as Guarded
from gateway.call.plan import Plan, ToolSpec
from gateway.call.value import value

WRITTEN = "written_"  # how lines begin that nobody has spoken
AGREED, REFUSED = "consent_given", "consent_refused"  # notices: whether the call may be kept
FROM_CALLER = "caller_"  # how the names of a caller's requests begin
FROM_TOOL = "tool_"  # and of those that a tool makes

Role = Literal["caller", "assistant"]
State = Literal["listening", "hearing", "thinking", "speaking"]
ToolStatus = Literal["running", "done", "failed", "cancelled"]

# ---------------------------------------------------------------- to the caller's leg


@value
class Play:
    """Let the caller hear this piece of an item; `position` is where in the item it begins."""

    item_id: str
    pcm: bytes
    position: int
    generation: int


@value
class Flush:
    """Throw away what was sent and not yet heard; what comes next is of this generation."""

    generation: int


@value
class ShowState:
    """Whose turn it is."""

    state: State


@value
class ShowWords:
    """A line of the transcript, whole, as it stands now; `cut` where the caller interrupted it."""

    item_id: str
    role: Role
    text: str
    at: int  # call time at which it began to be said
    final: bool
    cut: bool = False


@value
class ShowTool:
    """A tool was called, or has answered."""

    call_id: str
    name: str
    arguments: str
    status: ToolStatus
    output: str = ""


@value
class ShowLatency:
    """From the end of the caller's speech to the first sound sent back, in microseconds."""

    item_id: str
    voice_to_voice: int


@value
class ShowSavings:
    """What trimming has saved so far."""

    heard: int  # samples that came from the caller
    sent: int  # samples that went to the model
    bytes_saved: int  # on the wire to the model
    tokens_saved: int
    money_saved: float  # US dollars, first hearing only


@value
class ShowCost:
    """What an answer has cost, by the prices of the model that gave it."""

    nano: int  # nanodollars


@value
class ShowNotice:
    """Something that the person at the other end should read."""

    code: str
    message: str


@value
class ShowTurn:
    """Where the caller's turn stands; `position` counts samples of the caller's audio."""

    phase: Literal["began", "ended", "dropped", "committed"]
    item_id: str  # empty until the model has named it
    position: int = 0
    turn: int = 0  # its number, where it was detected by the gateway


@value
class ShowResponse:
    """An answer began, or has ended: one for each that was asked for, functions included."""

    response_id: str
    status: Literal["in_progress"] | ResponseStatus
    reason: str = ""
    calls: tuple[ToolCall, ...] = ()  # functions that the caller is to answer
    usage: Usage = field(default_factory=Usage)
    request: str = ""  # of the caller, that it follows


@value
class ShowCut:
    """An item was interrupted: so much of it was heard, and stays."""

    item_id: str
    heard: int  # samples


@value
class ShowRefusal:
    """A request of the caller came to nothing."""

    request: str
    code: str
    message: str


@value
class PassOn:
    """Let the caller have this message of the model's protocol, as it is."""

    message: dict[str, Any]


@value
class Transfer:
    """Put the caller through; answered by CallerLeft, or by TransferFailed."""

    target: str


# ---------------------------------------------------------------- to the assistant's leg


@value
class Configure:
    """Tell the model what this call is to be."""

    plan: Plan


@value
class SendAudio:
    """Let the model hear this."""

    pcm: bytes


@value
class Commit:
    """The caller's turn is over: make it an item."""


@value
class ClearInput:
    """Forget the audio that was sent and not committed."""


@value
class SendText:
    """The caller's words as text."""

    text: str


@value
class OfferTools:
    """The model may call these from now on, and no others."""

    tools: tuple[ToolSpec, ...]


@value
class SendToolCall:
    """A function call that the model made in a session that is lost: put it into its memory."""

    call_id: str
    name: str
    arguments: str


@value
class SendToolOutput:
    """The one answer to a function call."""

    call_id: str
    output: str
    item_id: str = ""  # what it is to be called, where the caller has named it


@value
class Remind:
    """Tell a new session of the model something of the conversation before it."""

    role: Role | Literal["system"]
    text: str


@value
class Respond:
    """Ask the model for an answer; instructions and options hold for this answer alone."""

    instructions: str = ""
    may_call: bool = True  # whether it may call tools in it
    options: dict[str, Any] = field(default_factory=dict)  # as response.create has them
    request: str = ""  # of the caller


@value
class Cancel:
    """Stop the answer that is being made; with no id, the one that was asked for last."""

    response_id: str = ""


@value
class Truncate:
    """Make the model forget what of this item the caller has not heard."""

    item_id: str
    heard: int  # samples


@value
class Delete:
    """Make the model forget an item of which nothing was heard."""

    item_id: str


@value
class Relay:
    """Send a message of the caller as it is; what answers it is passed on."""

    message: dict[str, Any]
    request: str


ToCaller = (
    Play
    | Flush
    | ShowState
    | ShowWords
    | ShowTool
    | ShowLatency
    | ShowSavings
    | ShowCost
    | ShowNotice
    | ShowTurn
    | ShowResponse
    | ShowCut
    | ShowRefusal
    | PassOn
    | Transfer
)
ToAssistant = (
    Configure
    | SendAudio
    | Commit
    | ClearInput
    | SendText
    | OfferTools
    | SendToolCall
    | SendToolOutput
    | Remind
    | Respond
    | Cancel
    | Truncate
    | Delete
    | Relay
)
Effect = ToCaller | ToAssistant | ToSession
