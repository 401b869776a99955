"""Live: proves with a few real requests that a target can be called, and reports each step.

What it costs is a session of some seconds: one answer in text and one spoken turn.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import msgspec

from audio.format import pcm16
from audio.tone import sine
from gateway.assistants import reasons
from gateway.assistants.catalogue import load
from gateway.assistants.connection import connect, hang_up
from gateway.assistants.fields import Json, parse, text
from gateway.assistants.openai import endpoint
from gateway.assistants.realtime import Realtime
from gateway.assistants.target import Endpoint, Target, key
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.plan import Plan, TurnPolicy
from gateway.call.prices import NANO
from gateway.errors import SettingsError, TrunklineError
from gateway.protocol.beta import from_beta_server, to_beta_client
from gateway.sockets.socket import Closed, Message, Socket

Status = Literal["ok", "note", "missing", "broken"]
E = TypeVar("E")

RATE: Final = 24_000
STEP: Final = 20.0  # seconds that a server may take for any one step
PIECE: Final = RATE * 2 // 50  # bytes in 20 ms
SUBJECTS: Final = ("connect", "session", "text", "audio")
INSTRUCTIONS: Final = "This is a test of the connection. Answer with one short sentence."
TEXT_ONLY: Final[Json] = {
    "type": "response.create",
    "event_id": "live-text",
    "response": {"output_modalities": ["text"], "instructions": "Answer with the word: ready."},
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one step showed; `mend` says what to do where it failed."""

    subject: str
    status: Status
    detail: str
    mend: str = ""


class StepFailed(TrunklineError):
    """A step did not go as it should."""


async def probe(target: Target, speech: bytes = b"") -> list[Finding]:
    """Connect, configure, ask for text, then speak a turn; stops at the first step that fails.

    `speech` is PCM16 mono at 24 kHz, a few seconds at most; without it a tone is played, which
    proves the way and not the ears.
    """
    try:
        way = endpoint(target)
    except SettingsError as error:
        return [Finding("settings", "broken", str(error), "correct the setting named here")]
    found: list[Finding] = []
    try:
        await _steps(target, way, speech or sine(440.0, 1.0, RATE), found)
    except TimeoutError:
        found.append(_broken(found, f"{way.host}: no answer within {STEP:g} s"))
    except StepFailed as fault:
        found.append(_broken(found, str(fault)))
    return found


def _broken(found: list[Finding], detail: str) -> Finding:
    return Finding(SUBJECTS[len(found)], "broken", detail, "do what this line says, then try again")


async def _steps(target: Target, way: Endpoint, speech: bytes, found: list[Finding]) -> None:
    start = time.monotonic()
    try:
        connection = await connect(target, way)
    except Exception as fault:  # DNS, TCP, TLS, HTTP, the SDK: each raises kinds of its own
        raise StepFailed(reasons.of_failure(way.host, fault, key(target))) from fault
    try:
        peer = Peer(connection, way, key(target))
        connection.read(peer)
        ready = await peer.wait(on.AssistantReady)
        named = f", model {ready.model}" if ready.model else ""
        detail = f"{way.host}{named}, session open in {since(start)}"
        found.append(Finding("connect", "ok", detail))
        found.append(await _session(peer))
        found.append(await _text(peer))
        found.append(await _audio(peer, speech, ready.model or way.model))
    finally:
        await hang_up(connection)


async def _session(peer: Peer) -> Finding:
    start = time.monotonic()
    plan = Plan(instructions=INSTRUCTIONS, rate=RATE, turns=TurnPolicy(detector="gateway"))
    peer.do(do.Configure(plan))
    await peer.wait_type("session.updated")
    return Finding("session", "ok", f"the plan of a call was taken in {since(start)}")


async def _text(peer: Peer) -> Finding:
    start = time.monotonic()
    peer.say(TEXT_ONLY)
    ended = await peer.wait(on.ResponseEnded)
    _complete(ended)
    words = "".join(e.text for e in peer.seen if isinstance(e, on.AssistantWords))
    if not words:
        raise StepFailed("the answer came without a word in it")
    return Finding("text", "ok", f"{len(words)} characters in {since(start)}")


async def _audio(peer: Peer, speech: bytes, model: str) -> Finding:
    for at in range(0, len(speech), PIECE):
        peer.do(do.SendAudio(speech[at : at + PIECE]))
    peer.do(do.Commit())
    await peer.wait(on.TurnCommitted)
    start = time.monotonic()
    peer.do(do.Respond())
    ended = await peer.wait(on.ResponseEnded)
    _complete(ended)
    seconds = sum(len(e.pcm) for e in peer.seen if isinstance(e, on.AssistantAudio)) / (2 * RATE)
    if not seconds:
        raise StepFailed("the answer came without a sound in it")
    prices = load().prices(model, "")
    cost = "" if prices.guessed else f", ${prices.cost(ended.usage) / NANO:.4f}"
    detail = f"{seconds:.1f} s of speech, the first of it after {peer.heard_at - start:.2f} s{cost}"
    return Finding("audio", "ok", detail)


def _complete(ended: on.ResponseEnded) -> None:
    if ended.status != "completed":
        raise StepFailed(f"the answer ended as {ended.status}: {ended.reason or 'no reason given'}")


def since(start: float) -> str:
    """How long ago that was, for people."""
    return f"{(time.monotonic() - start) * 1000:.0f} ms"


class Peer:
    """A connection with the dialect on it, asked one thing at a time."""

    def __init__(self, socket: Socket, way: Endpoint, secret: str) -> None:
        self.seen: list[on.FromAssistant] = []  # since the last wait began
        self.heard_at = 0.0  # when the first audio of an answer came, by the monotonic clock
        self._socket, self._host, self._secret = socket, way.host, secret
        self._came: asyncio.Queue[Message | Closed] = asyncio.Queue()
        self._dialect = Realtime(
            pcm16(RATE), way.capabilities, way.host, lambda words: reasons.redact(words, secret)
        )

    def take(self, message: Message) -> None:
        """The server says something."""
        self._came.put_nowait(message)

    def lose(self, closed: Closed) -> None:
        """It is gone."""
        self._came.put_nowait(closed)

    def go_on(self) -> None:
        """So little is sent that nobody has to wait."""

    def do(self, effect: do.ToAssistant) -> None:
        """Carry out an effect."""
        for message in self._dialect.encode(effect):
            self._socket.send(message)

    def say(self, event: Json) -> None:
        """Send a client event that no effect stands for."""
        beta = self._dialect.able.shape == "beta"
        for one in to_beta_client(event) if beta else [event]:
            self._socket.send(msgspec.json.encode(one).decode())

    async def wait(self, kind: type[E]) -> E:
        """The next event of this kind; StepFailed on an error, TimeoutError when none comes."""
        self.seen = []
        async with asyncio.timeout(STEP):
            while True:
                await self._read()
                for event in self.seen:
                    if isinstance(event, kind):
                        return event

    async def wait_type(self, kind: str) -> None:
        """Until a server event of this type comes."""
        async with asyncio.timeout(STEP):
            while await self._read() != kind:
                pass

    async def _read(self) -> str:
        message = await self._came.get()
        if isinstance(message, Closed):
            raise StepFailed(reasons.of_close(self._host, message, self._secret))
        events = self._dialect.decode(message)
        for event in reversed(events):  # what ends a session is said after its error, and better
            if isinstance(event, on.AssistantLost):
                raise StepFailed(event.reason)
            if isinstance(event, on.AssistantRefused):
                raise StepFailed(f"refused: {event.code}: {event.message}")
        for event in events:
            if isinstance(event, on.ResponseStarted):
                self.heard_at = 0.0
            elif isinstance(event, on.AssistantAudio):
                self.heard_at = self.heard_at or time.monotonic()
        self.seen += events
        event_json = parse(message) or {}
        if self._dialect.able.shape == "beta":
            event_json = next(iter(from_beta_server(event_json)), {})
        return text(event_json, "type")
