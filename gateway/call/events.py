"""Events: the facts that reach a call, each a small frozen value.

Audio is mono, in the plan's encoding and at its rate. Positions and lengths are samples at that
rate; times are whole microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
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
from gateway.call.value import value

# ---------------------------------------------------------------- from the caller's leg


@value
class CallerJoined:
    """The caller is there and can hear."""

    address: str = ""  # telephone number, IP address, or whatever names the caller
    reports_playback: bool = False  # whether CallerPlayed will come from this leg
    called: str = ""  # the number or name that was called
    metadata: Mapping[str, str] = field(default_factory=dict)  # what else is known of it
    tenant: str = ""  # whose call it is, where its ticket says so; a wire never does


@value
class CallerAudio:
    """The caller's sound. A leg feeds any length, best as it is, in bytes; the session makes frames
    of 20 ms of it.

    A frame is voiced or not. Several of a kind come in one piece, where the call would keep back or
    send on each of them and do nothing else: see `Stillness`.
    """

    pcm: bytes
    voiced: bool = False


@value
class CallerText:
    """The caller typed something."""

    text: str
    note: str = ""  # that the model is told with it, and nobody is shown


@value
class CallerShowed:
    """The caller showed a picture; within a call, one that the model cannot see, but tools can."""

    media_type: str  # such as image/png
    data: bytes
    text: str = ""  # that the caller wrote to it


@value
class CallerDigit:
    """The caller pressed a key of the telephone: 0-9 * # A-D."""

    digit: str


@value
class CallerPlayed:
    """The caller's leg reports how much of an item has been heard, all in all."""

    item_id: str
    samples: int
    generation: int  # of the Play that it answers; one before the last Flush proves nothing


@value
class CallerLeft:
    """The caller hung up, or the line broke."""

    reason: str


@value
class TransferFailed:
    """The caller could not be put through, and is still here."""

    target: str
    reason: str


# ---------------------------------------------------------------- from the assistant's leg


@value
class AssistantReady:
    """A session with the model is open and waits to be configured."""

    session_id: str = ""
    model: str = ""
    limit: int = 0  # microseconds that it may last at most; 0: not known
    epoch: int = 0  # of the session; its leg leaves it to the driver of the call


@value
class SpeechStarted:
    """The model's own voice detection heard the caller begin."""

    item_id: str
    written: int  # samples of audio written to the model, where it says that speech began


@value
class SpeechStopped:
    """The model's own voice detection heard the caller end."""

    item_id: str
    written: int


@value
class TurnCommitted:
    """The caller's audio became an item of the conversation."""

    item_id: str


@value
class CallerWords:
    """What the caller said, as recognised: an addition, or the whole when final."""

    item_id: str
    text: str
    final: bool


@value
class ResponseStarted:
    """The model began to answer."""

    response_id: str


@value
class AssistantAudio:
    """A piece of the model's voice."""

    response_id: str
    item_id: str
    pcm: bytes


@value
class AssistantWords:
    """A piece of what the model's voice says; it runs ahead of the audio."""

    response_id: str
    item_id: str
    text: str


@value
class ItemEnded:
    """The model has sent all of this item's audio."""

    response_id: str
    item_id: str


@value
class ToolCall:
    """A function call that the model wants answered."""

    call_id: str
    name: str
    arguments: str  # JSON text as the model wrote it
    item_id: str = ""
    refusal: str = ""  # what the model is told where a rule forbids to run it


@value
class ToolArguments:
    """A piece of a function call's arguments while the model writes them, where a tool wants it."""

    call_id: str
    name: str
    text: str


ResponseStatus = Literal["completed", "cancelled", "failed", "incomplete"]


@value
class ResponseEnded:
    """The model's answer is complete, or cut, or failed."""

    response_id: str
    status: ResponseStatus
    reason: str = ""
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = NOTHING_USED
    code: str = ""  # of the fault, where it failed and the server gave one


@value
class AssistantRefused:
    """The model's server answered a request with an error; the session goes on."""

    code: str
    message: str
    request: str = ""  # what was refused: its type, and a number, as `response.create-7`
    item_id: str = ""  # that it was about, where it is known


@value
class AssistantTold:
    """A message of the model's protocol that answers one of the caller's, or is for the caller."""

    message: dict[str, Any]


@value
class AssistantLost:
    """The way to the model is gone."""

    reason: str
    code: str = ""  # the provider's, where it gave one
    epoch: int = 0  # of the session; its leg leaves it to the driver of the call


# ---------------------------------------------------------------- from the session itself


@value
class ToolFinished:
    """A tool has answered; `output` is what the model is told."""

    call_id: str
    output: str
    failed: bool = False
    mend: bool = False  # the model's own fault: wrong arguments, which it may put right


@value
class ToolSaid:
    """A tool at work has words for the caller."""

    call_id: str
    text: str
    progress: bool = False  # to be told when the assistant speaks of it next; else soon


@value
class ToolsChanged:
    """The tools that the model may call are others now."""

    tools: tuple[ToolSpec, ...]


@value
class HangUpOrdered:
    """Somebody other than the caller ends the call: a tool, an operator, a shutdown."""

    reason: str
    when_quiet: bool = True  # let the assistant finish its sentence first


@value
class TransferOrdered:
    """The caller is to be put through to somebody else, once the assistant's sentence is said."""

    target: str  # a telephone number, a SIP address, or a name that the caller's leg knows


@value
class SoundOrdered:
    """The gateway lets the caller hear something of its own: tones of keys, a recorded phrase."""

    item_id: str  # of its own, so that it is no item of the model's
    pcm: bytes


@value
class AudioRefused:
    """The caller's audio comes faster than time passes, for too long; said once in a call."""


@value
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
