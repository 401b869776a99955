"""Events: the facts that reach a call, each a small frozen value.

Audio is mono, in the plan's encoding and at its rate. Positions and lengths are samples at that
rate; times are whole microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.call.guard.words import Checked as Checked
from gateway.call.orders import AnswerWanted as AnswerWanted
from gateway.call.orders import CallerAsked as CallerAsked
from gateway.call.orders import CallerCut as CallerCut
from gateway.call.orders import CallerOrdered as CallerOrdered
from gateway.call.orders import FromClient as FromClient
from gateway.call.orders import PlanChanged as PlanChanged
from gateway.call.orders import ToolAnswered as ToolAnswered
from gateway.call.plan import ToolSpec
from gateway.call.reports import LoadReported as LoadReported
from gateway.call.reports import Reserved as Reserved
from gateway.call.usage import NOTHING_USED
from gateway.call.usage import Usage as Usage

# ---------------------------------------------------------------- from the caller's leg


@dataclass(frozen=True, slots=True)
class CallerJoined:
    """The caller is there and can hear."""

    address: str = ""  # telephone number, IP address, or whatever names the caller
    reports_playback: bool = False  # whether CallerPlayed will come from this leg
    called: str = ""  # the number or name that was called
    metadata: Mapping[str, str] = field(default_factory=dict)  # what else is known of it
    tenant: str = ""  # whose call it is, where its ticket says so; a wire never does


@dataclass(frozen=True, slots=True)
class CallerAudio:
    """The caller's sound. A leg feeds any length; the session makes frames of 20 ms of it.

    A frame is voiced or not. Several of a kind come in one piece, where the call would keep back or
    send on each of them and do nothing else: see `Stillness`.
    """

    pcm: bytes
    voiced: bool = False


@dataclass(frozen=True, slots=True)
class CallerText:
    """The caller typed something."""

    text: str
    note: str = ""  # that the model is told with it, and nobody is shown


@dataclass(frozen=True, slots=True)
class CallerShowed:
    """The caller showed a picture; within a call, one that the model cannot see, but tools can."""

    media_type: str  # such as image/png
    data: bytes
    text: str = ""  # that the caller wrote to it


@dataclass(frozen=True, slots=True)
class CallerDigit:
    """The caller pressed a key of the telephone: 0-9 * # A-D."""

    digit: str


@dataclass(frozen=True, slots=True)
class CallerPlayed:
    """The caller's leg reports how much of an item has been heard, all in all."""

    item_id: str
    samples: int
    generation: int  # of the Play that it answers; one before the last Flush proves nothing


@dataclass(frozen=True, slots=True)
class CallerLeft:
    """The caller hung up, or the line broke."""

    reason: str


@dataclass(frozen=True, slots=True)
class TransferFailed:
    """The caller could not be put through, and is still here."""

    target: str
    reason: str


# ---------------------------------------------------------------- from the assistant's leg


@dataclass(frozen=True, slots=True)
class AssistantReady:
    """A session with the model is open and waits to be configured."""

    session_id: str = ""
    model: str = ""
    limit: int = 0  # microseconds that it may last at most; 0: not known
    epoch: int = 0  # of the session; its leg leaves it to the driver of the call


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The model's own voice detection heard the caller begin."""

    item_id: str
    written: int  # samples of audio written to the model, where it says that speech began


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The model's own voice detection heard the caller end."""

    item_id: str
    written: int


@dataclass(frozen=True, slots=True)
class TurnCommitted:
    """The caller's audio became an item of the conversation."""

    item_id: str


@dataclass(frozen=True, slots=True)
class CallerWords:
    """What the caller said, as recognised: an addition, or the whole when final."""

    item_id: str
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """The model began to answer."""

    response_id: str


@dataclass(frozen=True, slots=True)
class AssistantAudio:
    """A piece of the model's voice."""

    response_id: str
    item_id: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class AssistantWords:
    """A piece of what the model's voice says; it runs ahead of the audio."""

    response_id: str
    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class ItemEnded:
    """The model has sent all of this item's audio."""

    response_id: str
    item_id: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function call that the model wants answered."""

    call_id: str
    name: str
    arguments: str  # JSON text as the model wrote it
    item_id: str = ""
    refusal: str = ""  # what the model is told where a rule forbids to run it


@dataclass(frozen=True, slots=True)
class ToolArguments:
    """A piece of a function call's arguments while the model writes them, where a tool wants it."""

    call_id: str
    name: str
    text: str


ResponseStatus = Literal["completed", "cancelled", "failed", "incomplete"]


@dataclass(frozen=True, slots=True)
class ResponseEnded:
    """The model's answer is complete, or cut, or failed."""

    response_id: str
    status: ResponseStatus
    reason: str = ""
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = NOTHING_USED
    code: str = ""  # of the fault, where it failed and the server gave one


@dataclass(frozen=True, slots=True)
class AssistantRefused:
    """The model's server answered a request with an error; the session goes on."""

    code: str
    message: str
    request: str = ""  # what was refused: its type, and a number, as `response.create-7`
    item_id: str = ""  # that it was about, where it is known


@dataclass(frozen=True, slots=True)
class AssistantTold:
    """A message of the model's protocol that answers one of the caller's, or is for the caller."""

    message: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AssistantLost:
    """The way to the model is gone."""

    reason: str
    code: str = ""  # the provider's, where it gave one
    epoch: int = 0  # of the session; its leg leaves it to the driver of the call


# ---------------------------------------------------------------- from the session itself


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool has answered; `output` is what the model is told."""

    call_id: str
    output: str
    failed: bool = False
    mend: bool = False  # the model's own fault: wrong arguments, which it may put right


@dataclass(frozen=True, slots=True)
class ToolSaid:
    """A tool at work has words for the caller."""

    call_id: str
    text: str
    progress: bool = False  # to be told when the assistant speaks of it next; else soon


@dataclass(frozen=True, slots=True)
class ToolsChanged:
    """The tools that the model may call are others now."""

    tools: tuple[ToolSpec, ...]


@dataclass(frozen=True, slots=True)
class HangUpOrdered:
    """Somebody other than the caller ends the call: a tool, an operator, a shutdown."""

    reason: str
    when_quiet: bool = True  # let the assistant finish its sentence first


@dataclass(frozen=True, slots=True)
class TransferOrdered:
    """The caller is to be put through to somebody else, once the assistant's sentence is said."""

    target: str  # a telephone number, a SIP address, or a name that the caller's leg knows


@dataclass(frozen=True, slots=True)
class SoundOrdered:
    """The gateway lets the caller hear something of its own: tones of keys, a recorded phrase."""

    item_id: str  # of its own, so that it is no item of the model's
    pcm: bytes


@dataclass(frozen=True, slots=True)
class AudioRefused:
    """The caller's audio comes faster than time passes, for too long; said once in a call."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The call's deadline has come."""


FromLine = (
    CallerJoined
    | CallerAudio
    | CallerText
    | CallerShowed
    | CallerDigit
    | CallerPlayed
    | CallerLeft
    | TransferFailed
)
FromCaller = FromLine | FromClient
FromAssistant = (
    AssistantReady
    | SpeechStarted
    | SpeechStopped
    | TurnCommitted
    | CallerWords
    | ResponseStarted
    | ToolArguments
    | AssistantAudio
    | AssistantWords
    | ItemEnded
    | ResponseEnded
    | AssistantRefused
    | AssistantTold
    | AssistantLost
)
FromSession = (
    ToolFinished
    | ToolSaid
    | ToolsChanged
    | HangUpOrdered
    | TransferOrdered
    | SoundOrdered
    | AudioRefused
    | LoadReported
    | Checked
    | Reserved
    | Tick
)
Event = FromCaller | FromAssistant | FromSession
