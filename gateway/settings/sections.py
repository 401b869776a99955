"""The sections of the settings: every key with its kind, limits, default and meaning."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from gateway.call.plan import (
    Detector,
    Eagerness,
    IdlePolicy,
    PlaybackPolicy,
    TurnPolicy,
)
from gateway.doors.bridges import Bridges
from gateway.private import Private
from gateway.section import Secret, Section
from gateway.settings.auth import Auth
from gateway.settings.budget import Budget
from gateway.settings.guard import Guard
from gateway.settings.knowledge import Knowledge
from gateway.settings.limits import Limits, Shutdown
from gateway.settings.lines import Line
from gateway.settings.memory import Memory
from gateway.settings.phrases import PhraseBookSection, PhraseRule
from gateway.settings.privacy import Privacy
from gateway.settings.quotas import Quotas
from gateway.settings.recovery import Recovery
from gateway.settings.routing import Route, Routing
from gateway.settings.store import Store
from gateway.settings.tools import Tools
from gateway.settings.webrtc import WebRtc

Kind = Literal["embedded", "openai", "azure", "azure-preview", "compatible"]

INSTRUCTIONS = (
    "You are a helpful assistant on the telephone. Answer in one or two short sentences, in the"
    " language of the caller. Use your tools where they can answer better than you."
)


class Server(Section):
    """Where Trunkline listens, and for how many."""

    host: str = Field(
        default="127.0.0.1", description="Address to listen on; beyond loopback needs token."
    )
    port: int = Field(default=8080, ge=0, le=65535, description="TCP port; 0 takes any free one.")
    token: Secret = Field(
        default=Private(""),
        description="Secret that every caller and operator must show; empty: none is asked for.",
        examples=["a long random word"],
    )
    origins: tuple[str, ...] = Field(
        default=(),
        description="Other addresses at which the page may stand, as a browser shows them: of a"
        " proxy before this server, or of your own site.",
        examples=[["https://voice.example.com"]],
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(),
        description="Addresses or networks of proxies before this server, whose X-Forwarded-For"
        " says where a caller comes from; empty: nobody's does.",
        examples=[["127.0.0.1", "10.0.0.0/8"]],
    )
    public_url: str = Field(
        default="",
        description="This server as carriers reach it, for their webhooks and signatures; empty: as"
        " each request names it.",
        examples=["https://voice.example.com"],
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Processes that share the calls, one for each core that calls may use.",
    )
    max_calls: int = Field(
        default=100, ge=1, description="Calls at once; one more is refused as busy."
    )

    @field_validator("public_url")
    @classmethod
    def _an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query):
            raise ValueError("should be https:// and a host, and no more than a path behind it")
        return url.rstrip("/")

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for one in proxies:
            try:
                ip_network(one)
            except ValueError:
                raise ValueError("should be addresses, or networks such as 10.0.0.0/8") from None
        return proxies

    @field_validator("origins")
    @classmethod
    def _as_browsers_write(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for one in origins:
            parts = urlsplit(one)
            if parts.scheme not in ("http", "https") or one != f"{parts.scheme}://{parts.netloc}":
                raise ValueError("should be http:// or https:// and a host, and no path behind it")
        return tuple(one.lower() for one in origins)


class Mind(Section):
    """What thinks in the embedded assistant."""

    kind: Literal["builtin", "chat"] = Field(
        default="builtin", description='"builtin", or "chat": any chat-completions server.'
    )
    base_url: str = Field(
        default="", description="Of the chat server.", examples=["http://localhost:11434/v1"]
    )
    model: str = Field(default="", description="Of the chat server.", examples=["llama3.2"])
    api_key: Secret = Field(
        default=Private(""), description="Of the chat server.", examples=["sk-..."]
    )


class Assistant(Section):
    """Which model answers, and as whom."""

    kind: Kind = Field(
        default="embedded",
        description='"embedded", "openai", "azure", "azure-preview", or "compatible": another'
        ' Realtime server. Left out, it is "openai" where an api_key stands here.',
    )
    model: str = Field(default="", description="Left empty: the default of its kind.")
    base_url: str = Field(
        default="",
        description="Of the Realtime server; for openai, OPENAI_BASE_URL where this is empty.",
        examples=["https://example.openai.azure.com/openai/v1"],
    )
    api_key: Secret = Field(
        default=Private(""),
        description="For openai, OPENAI_API_KEY where this is empty.",
        examples=["sk-..."],
    )
    organization: str = Field(default="", description="OpenAI organization that pays.")
    project: str = Field(default="", description="OpenAI project that pays.")
    safety_identifier: str = Field(
        default="", description="Names the end user to OpenAI, as a hash."
    )
    provider: str = Field(
        default="", description="Whose compatible server it is, where it is a known one."
    )
    api_version: str = Field(default="", description="For azure-preview; empty: the last one.")
    ca_file: str = Field(
        default="", description="PEM file of a certificate authority of your own, for base_url."
    )
    proxy: str = Field(
        default="",
        description="Proxy on the way to the model; those of the environment are not used.",
        examples=["http://127.0.0.1:3128"],
    )
    voice: str = Field(default="", description="Left empty: the default of its kind.")
    instructions: str = Field(default=INSTRUCTIONS, description="What the assistant is told to be.")
    greeting: str = Field(
        default="",
        description="Instructions for the first words; empty: the caller speaks first.",
        examples=["Greet the caller and ask how you can help."],
    )
    language: str = Field(default="", description="ISO 639-1 code; empty: any.", examples=["en"])
    transcription: str = Field(default="", description="Model that writes down the caller's words.")
    mind: Mind = Mind()


class Turns(Section):
    """Who decides whose turn it is, and when."""

    detector: Detector = Field(
        default="gateway", description='"gateway", or the model\'s own: "server" or "semantic".'
    )
    pre_roll_ms: int = Field(
        default=300, ge=0, le=5_000, description="Sent from before speech begins."
    )
    hang_over_ms: int = Field(
        default=360, ge=40, le=10_000, description="Silence that ends a turn."
    )
    minimum_speech_ms: int = Field(
        default=160, ge=20, le=5_000, description="Shorter sound is no turn."
    )
    barge_in_ms: int = Field(default=100, ge=20, le=5_000, description="Speech that interrupts.")
    threshold: float = Field(
        default=0.5, ge=0, le=1, description="Of the model's detector (server)."
    )
    silence_ms: int = Field(
        default=500,
        ge=40,
        le=10_000,
        description="Silence that ends a turn for the model (server).",
    )
    margin_ms: int = Field(
        default=300, ge=0, le=10_000, description="Real silence sent beyond that, to be sure."
    )
    eagerness: Eagerness = Field(
        default="auto", description='"low", "medium", "high" or "auto" (semantic).'
    )
    interruptible: bool = Field(default=True, description="Whether the caller may interrupt.")
    second_opinion: bool = Field(
        default=True,
        description="Let a speech model confirm what the voice detector heard, where installed.",
    )

    def policy(self) -> TurnPolicy:
        """The same, as the call knows it."""
        return TurnPolicy(
            detector=self.detector,
            pre_roll=self.pre_roll_ms * 1000,
            hang_over=self.hang_over_ms * 1000,
            minimum_speech=self.minimum_speech_ms * 1000,
            barge_in=self.barge_in_ms * 1000,
            interruptible=self.interruptible,
            threshold=self.threshold,
            silence=self.silence_ms * 1000,
            margin=self.margin_ms * 1000,
            eagerness=self.eagerness,
        )


class Playback(Section):
    """How audio goes to the caller."""

    lead_ms: int = Field(
        default=240, ge=40, le=5_000, description="How far ahead of the caller's ear audio is sent."
    )

    def policy(self) -> PlaybackPolicy:
        """The same, as the call knows it."""
        return PlaybackPolicy(lead=self.lead_ms * 1000)


class Idle(Section):
    """What to do when nobody says anything."""

    after_s: float = Field(default=0, ge=0, le=3600, description="Seconds of quiet; 0: do nothing.")
    prompt: str = Field(default=IdlePolicy().prompt, description="For the model.")
    limit: int = Field(default=2, ge=1, description="Prompts before the call is ended.")

    def policy(self) -> IdlePolicy:
        """The same, as the call knows it."""
        return IdlePolicy(
            after=round(self.after_s * 1_000_000), prompt=self.prompt, limit=self.limit
        )


class Taps(Section):
    """What is kept of a call, each in a folder beside this file; empty: nothing."""

    journal: str = Field(
        default="", description="Every decision, to replay.", examples=["calls/journals"]
    )
    recording: str = Field(
        default="", description="Both sides as WAV.", examples=["calls/recordings"]
    )
    transcripts: str = Field(default="", description="The words.", examples=["calls/transcripts"])


class Log(Section):
    """What Trunkline writes to stderr."""

    format: Literal["text", "json"] = Field(default="text", description='"text" or "json".')
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description='"debug", "info", "warning" or "error".'
    )


class Settings(Section):
    """Everything that can be set; made by `gateway.settings.load`."""

    server: Server = Server()
    limits: Limits = Limits()
    shutdown: Shutdown = Shutdown()
    assistant: Assistant = Assistant()
    webrtc: WebRtc = WebRtc()
    recovery: Recovery = Recovery()
    turns: Turns = Turns()
    playback: Playback = Playback()
    idle: Idle = Idle()
    tools: Tools = Tools()
    taps: Taps = Taps()
    privacy: Privacy = Privacy()
    store: Store = Store()
    memory: Memory = Memory()
    knowledge: Knowledge = Knowledge()
    auth: Auth = Auth()
    budget: Budget = Budget()
    quotas: Quotas = Quotas()
    guard: Guard = Guard()
    routing: Routing = Routing()
    phrasebook: PhraseBookSection = PhraseBookSection()
    log: Log = Log()
    bridges: Bridges = Bridges()  # type: ignore[valid-type]  # made from the list of bridges
    assistants: dict[str, Assistant] = Field(
        default={},
        description="More assistants, by name, with the keys of [assistant]. A line names the one"
        " that answers it.",
        examples=['[assistants.french]\nkind = "openai"\nlanguage = "fr"'],
    )
    lines: tuple[Line, ...] = Field(
        default=(),
        description="What is different for some calls. The first line whose bridge, called, caller"
        " and parameters fit a call is taken; patterns have * and ?.",
        examples=['[[lines]]\ncalled = "+33*"\nassistant = "french"\ngreeting = "Say bonjour."'],
    )
    routes: tuple[Route, ...] = Field(
        default=(),
        description="Who answers from the caller's next turn on. The first rule that fits is taken,"
        " by what the caller says, by language, by what is spent and by load; without one the"
        " assistant answers that the call began with.",
        examples=[
            '[[routes]]\nassistant = "expert"\nsays = ["invoice", "my contract"]\n\n[[routes]]\n'
            'assistant = "small"\nspent_percent = 50'
        ],
    )

    def turn_policy(self) -> TurnPolicy:
        """Whose turn it is, as the call knows it."""
        return self.turns.policy()

    def playback_policy(self) -> PlaybackPolicy:
        """How audio goes to the caller, as the call knows it."""
        return self.playback.policy()

    def idle_policy(self) -> IdlePolicy:
        """What quiet leads to, as the call knows it."""
        longest = round(self.quotas.call_minutes * 60_000_000)
        return replace(self.idle.policy(), longest=longest)

    phrases: tuple[PhraseRule, ...] = Field(
        default=(),
        description="What is said again and again. The assistant says it once; after that it is"
        " heard at once and costs nothing, until its words, the voice or phrasebook.version"
        " change.",
        examples=[
            '[[phrases]]\nname = "hours"\nasks = ["opening hours", "when are you open"]\n'
            'say = "We are open from nine to five, Monday to Friday."'
        ],
    )
