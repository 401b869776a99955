"""The plan: what a call is to be, fixed when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from audio.format import SILENCE, WIDTHS, Encoding, Format
from gateway.call.guard.rules import UNGUARDED, GuardPolicy
from gateway.call.prices import FREE, Billed, Prices

FRAME_US = 20_000  # one frame of the caller's audio, in microseconds

Detector = Literal["gateway", "server", "semantic"]
Eagerness = Literal["low", "medium", "high", "auto"]
Late = Literal["speak_when_free", "next_turn", "drop"]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A function that the model may call: its name, what it is for, and its JSON schema."""

    name: str
    description: str
    parameters: dict[str, Any]
    late: Late = "speak_when_free"  # what becomes of a result after the caller has gone on
    confirm: bool = False  # run it only after the caller has agreed
    prefetch: bool = False  # begin while its arguments are being written
    price: int = 0  # nanodollars for a run


@dataclass(frozen=True, slots=True)
class TurnPolicy:
    """Who decides whose turn it is, and when. All times in microseconds."""

    detector: Detector | Literal["manual"] = "gateway"  # manual: the caller says it itself
    pre_roll: int = 300_000  # sent from before the first voiced frame
    hang_over: int = 360_000  # silence after which the caller's turn is over (gateway)
    minimum_speech: int = 160_000  # voiced sound shorter than this is no turn: a cough, a click
    barge_in: int = 100_000  # voiced sound that interrupts the assistant
    interruptible: bool = True
    longest: int = 60_000_000  # a turn is committed after this long, come what may
    threshold: float = 0.5  # of the model's voice detection (server)
    silence: int = 500_000  # silence_duration of the model's voice detection (server)
    margin: int = 300_000  # real silence sent beyond that, so that it surely ends the turn
    eagerness: Eagerness = "auto"  # semantic
    create_response: bool = True  # whether an answer follows each turn by itself
    interrupt_response: bool = True  # whether speech stops the answer that is being made

    @property
    def by_model(self) -> bool:
        """Whether the model detects turns; otherwise they end here, or where the caller says."""
        return self.detector in ("server", "semantic")

    @property
    def by_gateway(self) -> bool:
        """Whether speech that is heard here stops the answer that is being made or played."""
        return self.detector == "gateway" and self.interrupt_response


@dataclass(frozen=True, slots=True)
class PlaybackPolicy:
    """How audio goes to the caller. Times in microseconds."""

    lead: int = 240_000  # how far ahead of the caller's ear audio may be sent
    grain: int = 20_000  # how much at once
    frame: int = 0  # whole frames of so long go out, and what is left when an item ends; 0: any
    cut_by: Literal["gateway", "caller"] = "gateway"  # who says where an answer was interrupted


@dataclass(frozen=True, slots=True)
class IdlePolicy:
    """What to do when nobody says anything."""

    after: int = 0  # microseconds of quiet; 0 turns it off
    prompt: str = "The caller has been silent. Ask in one short sentence whether they are there."
    limit: int = 2  # prompts before the call is ended
    longest: int = 0  # microseconds that a call may last; 0: any


@dataclass(frozen=True, slots=True)
class ExpiryPolicy:
    """When what let the caller in is good no more, and what is done about it."""

    at: int = 0  # microseconds of the call; 0: never
    finish: bool = False  # the call ends when the assistant has spoken, and not at once


@dataclass(frozen=True, slots=True)
class ToolPolicy:
    """What the caller hears while tools run, and how many may run. Times in microseconds."""

    patience: int = 1_000_000  # nobody speaks for so long: say that it takes a moment; 0: never
    interval: int = 8_000_000  # and again after so much more silence
    phrase: str = ""  # to be said then, word for word; empty: the assistant finds its own words
    rounds: int = 10  # answers in a row that call tools, without a word of the caller between
    at_once: int = 16  # tools that may run at the same time
    misfits: int = 2  # times that a model may get a tool's arguments wrong in a row


@dataclass(frozen=True, slots=True)
class RecoveryPolicy:
    """What to do when the way to a model is gone. Times in microseconds."""

    assistants: int = 1  # that the session may dial, in order of preference
    patience: int = 0  # without any model, after which the call is given up; 0: at once
    hold_after: int = 700_000  # quiet after which the caller hears that the line is alive
    words_after: int = 1_200_000  # from then on, after which it is said in words, where a tone was
    hold_every: int = 6_000_000  # and again


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """Who answers from the next turn on, where all of this is so. What is empty is always so."""

    assistant: int  # its place among those that the session may dial
    words: str = ""  # regular expression, met somewhere in what the caller has said
    turns: int = 0  # of the caller, for which such words hold; 0: until those of another rule come
    languages: tuple[str, ...] = ()  # ISO 639-1, that the caller speaks
    spent_percent: int = 0  # of the call's budget, or more
    load_percent: int = 0  # of what the gateway can carry, or more


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    """Who answers: the first rule that fits says so; without one the call's own assistant."""

    rules: tuple[RoutingRule, ...] = ()
    cheaper: int = 0  # whom a budget may move the call to; 0: nobody is cheaper


@dataclass(frozen=True, slots=True)
class BudgetPolicy:
    """What a call may cost, alone and together with others, and what the caller hears of it."""

    limit: int = 0  # nanodollars; 0: whatever it costs
    warn_percent: int = 80
    warning: str = "Tell the caller in one short sentence that this call has to end soon."
    goodbye: str = "Tell the caller in one short sentence that the call ends now. Say goodbye."
    shared: bool = False  # its caller or its tenant has a budget that other calls spend, too
    told: bool = True  # the caller is told when the call's or the caller's budget comes to its end
    cheaper: bool = False  # a cheaper model answers then
    tenant_told: bool = False  # the same for the tenant's budget
    tenant_cheaper: bool = False
    transfer: str = ""  # to whom the caller is put through at the end; empty: to nobody
    last_notice: bytes = b""  # what the caller hears where no answer may be paid for any more
    transfer_notice: bytes = b""  # and before being put through


Keep = Literal["off", "on", "consent"]


@dataclass(frozen=True, slots=True)
class PrivacyPolicy:
    """What may be kept of a call: nothing, all, or all after the caller has agreed."""

    recording: Keep = "on"
    transcripts: Keep = "on"
    phrase: str = "May this call be recorded? Please say yes or no, or press one to agree."
    key: str = "1"  # of the telephone, that agrees

    @property
    def asks(self) -> bool:
        """Whether the caller has to be asked."""
        return "consent" in (self.recording, self.transcripts)

    @property
    def unasked(self) -> PrivacyPolicy:
        """The same where nobody can be asked: what needs a yes is not kept."""
        recording, transcripts = (
            "off" if keep == "consent" else keep for keep in (self.recording, self.transcripts)
        )
        return PrivacyPolicy(recording, transcripts, self.phrase, self.key)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A sentence of the assistant's, and its sound in the call's format where there is one."""

    name: str
    text: str = ""
    sound: bytes = b""
    asks: str = ""  # a regular expression of the questions that it answers


@dataclass(frozen=True, slots=True)
class Plan:
    """What a call is to be: who answers, how, with which tools, within which limits."""

    call_id: str = "call"
    tenant: str = ""  # whose call it is: one customer of this gateway, or empty
    caller: str = ""  # who calls, as a credential has said; else the address says it
    credential: str = ""  # by which it was let in: the id of a key or a token, never the secret
    rate: int = 24_000  # Hz of the audio inside the call
    encoding: Encoding = "pcm16"  # of that audio; it is cut and counted here, never looked into
    instructions: str = ""
    voice: str = ""
    language: str = ""
    transcription: str = ""  # model that writes down the caller's words; empty: none
    greeting: str = ""  # instructions for the first words; empty: the caller speaks first
    tools: tuple[ToolSpec, ...] = ()
    caller_tools: tuple[ToolSpec, ...] = ()  # functions that the caller answers itself
    turns: TurnPolicy = TurnPolicy()
    playback: PlaybackPolicy = PlaybackPolicy()
    idle: IdlePolicy = IdlePolicy()
    expiry: ExpiryPolicy = ExpiryPolicy()
    tooling: ToolPolicy = ToolPolicy()
    burst: int = 10_000_000  # microseconds of the caller's audio that may come ahead of time
    audio_price: float = 0.0  # US dollars per million tokens of input audio
    prices: Prices = FREE
    model: str = ""  # whose prices they are
    stand_ins: tuple[Billed, ...] = ()  # the other assistants that may be dialled, in their order
    budget: BudgetPolicy = BudgetPolicy()
    recovery: RecoveryPolicy = RecoveryPolicy()
    routing: RoutingPolicy = RoutingPolicy()
    guard: GuardPolicy = UNGUARDED
    guard_notice: bytes = b""  # what the caller hears where no answer passes
    privacy: PrivacyPolicy = PrivacyPolicy()
    hold_tone: bytes = b""  # what the caller hears first while another model is sought
    hold_notice: bytes = b""  # and then, where that takes longer
    phrases: tuple[Phrase, ...] = ()
    phrase_patience: int = 400_000  # for the words of a question that one may answer, microseconds
    lost_notice: bytes = b""  # what the caller hears when the model is gone
    window: int = 0  # tokens of history that a session reads before it is cut short; 0: any
    metadata: dict[str, str] = field(default_factory=dict)
    sees: bool = False  # whether the model can look at pictures
    relays: bool = False  # the caller speaks the assistant's protocol: what has no word passes
    extras: dict[str, Any] = field(default_factory=dict)  # of that protocol's session object

    @property
    def format(self) -> Format:
        """How the audio inside the call is written."""
        return Format(self.encoding, self.rate)

    @property
    def billed(self) -> Billed:
        """The assistant that the call begins with, as it is billed."""
        return Billed(self.model, self.transcription, self.prices)

    def count(self, audio: bytes) -> int:
        """How many samples these bytes hold."""
        return len(audio) // WIDTHS[self.encoding]

    def silence(self, samples: int) -> bytes:
        """So many samples of silence."""
        return SILENCE[self.encoding] * samples

    def samples(self, microseconds: int) -> int:
        """How many samples that time holds."""
        return microseconds * self.rate // 1_000_000

    def microseconds(self, samples: int) -> int:
        """How long so many samples last, rounded up: after that time all of them have passed."""
        return -(-samples * 1_000_000 // self.rate)
