"""Shapes: what the API takes and gives, as JSON. Times are ISO 8601; `_ms` counts from the call.

What is taken knows all its fields: one that is misspelt is refused, and not passed over.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.callers.bridge import Answering
from gateway.doors.tickets import LIFETIME

Moment = Annotated[datetime, Meta(tz=True)]
Word = Annotated[str, Meta(max_length=200)]
Limit = Annotated[int, Meta(ge=1, le=200)]
Usd = Annotated[float, Meta(ge=0, le=1_000_000)]


class Call(Struct):
    """A call."""

    id: str
    tenant: str
    caller: str
    live: bool
    began: datetime | None = None
    ended: datetime | None = None
    reason: str = ""
    via: str = ""
    address: str = ""
    called: str = ""
    model: str = ""
    gateway: str = ""
    credential: str = ""
    heard_ms: int = 0
    sent_ms: int = 0
    recorded: bool = False
    metadata: dict[str, str] = {}


class Calls(Struct):
    """Some calls, the newest first; `next` is the cursor of those that follow, if any do."""

    calls: list[Call]
    next: str = ""


class CallsQuery(Struct):
    """Which calls."""

    status: Literal["live", "ended"] | None = None
    tenant: Word | None = None
    caller: Word | None = None
    via: Word | None = None
    since: Moment | None = None
    until: Moment | None = None
    limit: Limit = 50
    cursor: Annotated[str, Meta(max_length=1000)] = ""


class Turn(Struct):
    """What one of the two said; of the assistant's words, `heard` are those that were heard."""

    id: str
    who: Literal["caller", "assistant"]
    said: str
    heard: str
    began_ms: int
    ended_ms: int
    cut: bool
    start_s: float = 0.0  # where in the recording it is heard
    end_s: float = 0.0


class Turns(Struct):
    """A call's turns, in order."""

    turns: list[Turn]


class ToolRun(Struct):
    """A function that the model called."""

    id: str
    name: str
    arguments: str
    status: str
    output: str
    began_ms: int
    ended_ms: int | None


class ToolRuns(Struct):
    """A call's tools, in order."""

    tools: list[ToolRun]


class ModelUsage(Struct):
    """The tokens that one model has counted so far; cached ones are part of the input."""

    model: str
    responses: int
    input_text: int
    input_audio: int
    cached_text: int
    cached_audio: int
    output_text: int
    output_audio: int
    input_image: int
    cached_image: int
    audio_ms: int  # of speech written down
    cost_usd: float


class CallUsage(Struct):
    """What a call has used so far, and what that costs by the provider's prices."""

    usage: list[ModelUsage]
    cost_usd: float


class StopCall(Struct, forbid_unknown_fields=True):
    """Why a call is ended."""

    reason: Word = "stopped by an operator"


class StopOrder(Struct, forbid_unknown_fields=True):
    """Which calls are ended: one caller's, one key's, one tenant's, or all that may be."""

    kind: Literal["caller", "credential", "tenant", "everything"]
    target: Word = ""
    reason: Word = "stopped by an operator"


class Policies(Struct):
    """What of the settings decides over callers, by section; `digest` changes whenever it does."""

    digest: str
    policies: dict[str, Any]


class Revocation(Struct, forbid_unknown_fields=True):
    """Which token: its claim `jti`, or as the credential of a call names it, `jwt_` and that.

    With its claim `exp`, unix seconds, the order is forgotten soon after the token has expired.
    """

    token: Annotated[str, Meta(min_length=1, max_length=1000)]
    exp: Annotated[float, Meta(ge=0)] = 0.0


class Stopped(Struct):
    """How many calls of this gateway were told to end; other gateways follow within a second."""

    stopped: int


class CallerQuery(Struct):
    """Whose caller, for somebody who sees every tenant."""

    tenant: Word | None = None


class Forgotten(Struct):
    """What is erased, and how many live calls will be soon after their end."""

    calls: int
    things: int
    live: int


class Key(Struct):
    """A key, without its secret."""

    id: str
    tenant: str
    name: str
    scopes: list[str]
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None
    successor: str = ""


class Keys(Struct):
    """Keys, the newest first."""

    keys: list[Key]


class NewKey(Struct, forbid_unknown_fields=True):
    """A key as it is wanted."""

    scopes: Annotated[list[str], Meta(min_length=1, max_length=50)]
    name: Word = ""
    tenant: Word | UnsetType = UNSET
    expires: Moment | None = None


class MadeKey(Struct):
    """A new key; its secret is shown this once."""

    key: Key
    secret: str


class Rotation(Struct, forbid_unknown_fields=True):
    """For how long the old key works on."""

    grace_s: Annotated[float, Meta(ge=0, le=2_592_000)] = 3600.0


class WhoAmI(Struct):
    """Who the API takes its caller for."""

    kind: str
    tenant: str
    caller: str
    credential: str
    scopes: list[str]


class AuditQuery(Struct):
    """Which part of the audit."""

    after: Annotated[int, Meta(ge=0, le=2**62)] = 0
    limit: Limit = 50


class AuditEntry(Struct):
    """Who did what."""

    seq: int
    at: datetime
    kind: str
    actor: str
    tenant: str
    detail: str
    hash: str


class AuditEntries(Struct):
    """Some of the audit, the oldest first."""

    entries: list[AuditEntry]


class TicketOrder(Struct, rename={"caller": "from", "called": "to"}, forbid_unknown_fields=True):
    """What is known of a call that is about to come."""

    caller: str = ""
    called: str = ""
    metadata: dict[str, str] = {}
    seconds: float = LIFETIME


class Ticket(Struct):
    """A word that lets one call in."""

    ticket: str
    seconds: float


class CallOrder(Struct, rename={"target": "to", "caller": "from"}, forbid_unknown_fields=True):
    """Whom a bridge is to call."""

    via: str
    target: str
    caller: str = ""
    answering: Answering = "off"
    metadata: dict[str, str] = {}


class Dialled(Struct):
    """The provider's name for the call."""

    via: str
    id: str


class GivenBudget(Struct):
    """What one tenant or caller was given; null is what the settings say, 0 any amount."""

    tenant: str
    caller: str  # empty: the tenant itself
    call_usd: float | None
    day_usd: float | None
    month_usd: float | None


class GivenBudgets(Struct):
    """All that were given, by tenant and caller."""

    budgets: list[GivenBudget]


class NewBudget(Struct, forbid_unknown_fields=True):
    """A budget as it is to be; without a caller it is the tenant's."""

    tenant: Word | UnsetType = UNSET
    caller: Word = ""
    call_usd: Usd | None = None
    day_usd: Usd | None = None
    month_usd: Usd | None = None


class BudgetQuery(Struct):
    """Whose budget."""

    tenant: Word | None = None
    caller: Word = ""


class PeriodState(Struct):
    """A day or a month of a budget; a limit of 0 is none."""

    period: str
    limit_usd: float
    spent_usd: float
    held_usd: float  # set aside for answers that are being made


class BudgetState(Struct):
    """Where a budget stands."""

    tenant: str
    caller: str
    call_usd: float
    day: PeriodState
    month: PeriodState
