"""A conversation of four questions while one thing goes wrong, and what the caller notices."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

from websockets.asyncio.client import connect

from gateway.admission.access import Access
from gateway.app import Gateway
from gateway.assistants.target import Target
from gateway.embedded.faultplan import Chance, Fault, FaultPlan, Kind
from gateway.embedded.faultproxy import serve_faults
from gateway.embedded.parts import CallPiece, Heard, Returned, Say, Situation, Thought
from gateway.embedded.server import Assistant, ServerOptions, serve
from gateway.running.listening import listen
from gateway.running.opening import listening
from gateway.settings import Settings
from gateway.switchboard import Switchboard
from gateway.taps.metrics import Metrics
from tests.bad.street import START, Stranger, speech
from tests.house import EchoEars, House, ToneMouth
from tools.spec import tool
from tools.toolbox import Toolbox

RATE = 24_000
QUESTIONS = 4
FAR_MS = 300  # that a handshake takes: TCP, TLS and HTTP with a server 75 ms away
PATIENCE = 40.0  # seconds after which a question counts as not answered
CALM = 4.0  # seconds without a sound after which an answer is over
LENGTH = re.compile(r"for (\d+) milliseconds")
PAYS = 2  # the question at which the model calls a function with an effect

DELTA = "response.output_audio.delta"
COMMITTED = "input_audio_buffer.committed"
MOMENTS: tuple[dict[str, Any], ...] = (
    {"event": "response.done", "count": 1},  # when an answer has just been made
    {"after": 9.3},  # while the caller speaks
    {"event": COMMITTED, "count": 2},  # when a question has just been asked
    {"event": "response.created", "count": 2},
    {"event": DELTA, "count": 20},  # in the middle of an answer
    {"event": "response.done", "count": 2},  # with a function call in it
)
ANSWERS: tuple[dict[str, Any], ...] = tuple({"count": count} for count in (1, 2, 3, 4))
MESSAGES: tuple[dict[str, Any], ...] = (
    {"event": COMMITTED, "count": 2},
    {"event": "response.created", "count": 2},
    {"event": DELTA, "count": 20},
    {"event": "response.output_item.done", "count": 1},
    {"event": "response.done", "count": 2},
    {"event": "response.done", "count": 1},
)


def plans(kind: Kind, moments: tuple[dict[str, Any], ...], **more: Any) -> tuple[FaultPlan, ...]:
    """The same fault at each of these moments of the first session."""
    given = {"session": 1, **more}
    return tuple(FaultPlan((Fault(kind, **{**given, **moment}),)) for moment in moments)


def _with(plan: FaultPlan, *others: Fault) -> FaultPlan:
    return FaultPlan((*plan.fault, *others))


DROPS = plans("drop", MOMENTS)
FAULTS: dict[str, tuple[FaultPlan, ...]] = {
    "nothing": (FaultPlan(),),
    "the socket drops": DROPS,
    "… and the next handshake is refused": tuple(
        _with(plan, Fault("refuse", session=2)) for plan in DROPS
    ),
    "… and the assistant stays away": tuple(
        _with(plan, *(Fault("refuse", session=n) for n in range(2, 60))) for plan in DROPS
    ),
    "the session expires": plans("expire", MOMENTS),
    "the wire is dead, the socket stays": plans("half_open", MOMENTS),
    "the server falls silent, the socket stays": plans("mute", MOMENTS),
    "each event comes 300 ms late": plans("delay", ({"event": COMMITTED},), ms=300, times=0)
    + plans("delay", ({"after": 0.001},), ms=300, times=0),
    "a rate limit, 1.2 s": plans("rate_limit", ANSWERS),
    "the server fails": plans("server_error", ANSWERS),
    "the account is empty": plans("quota", ANSWERS),
    "audio after the end of an answer": plans("late", ({"event": "response.done"},), times=0),
    "two events change places": plans("reorder", MESSAGES),
    "an event comes twice": plans("duplicate", MESSAGES),
    "every event comes twice": plans("duplicate", ({},), times=0),
    "an event is cut in half": plans("corrupt", MESSAGES),
    "events that nobody knows": plans("unknown", ({},), times=0),
    "errors that nobody knows": plans("error", ({},), times=0),
    "two answers at once": plans("two_answers", ANSWERS),
    "by chance, one event in twenty": tuple(
        FaultPlan(random=Chance(0.05, seed)) for seed in range(1, 9)
    ),
}


@dataclass
class Clerk:
    """Answers each question with its number, and pays once on the way."""

    name: str

    async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
        heard = [n for n, line in enumerate(situation.lines) if isinstance(line, Heard)]
        after = situation.lines[heard[-1] :] if heard else ()
        paid = any(isinstance(line, Returned) for line in after)
        if len(heard) == PAYS and not paid:
            yield CallPiece(0, "pay", "{}")
            return
        yield Say(f"{self.name} answers the question {len(heard)}.")

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Suffered:
    """What the caller noticed in one call. Times in seconds."""

    silences: tuple[float, ...]  # by question: the longest without any sound until it was answered
    waits: tuple[float, ...]  # by question: until the model's own voice
    spoken: int  # milliseconds of the caller's speech that the transcript knows of
    paid: int  # times that the function ran
    complete: bool  # whether the transcript has each question once and an answer to it
    ended: bool  # whether the call ended by itself
    notices: tuple[str, ...]  # codes

    @property
    def answered(self) -> int:
        """How many questions the model answered."""
        return sum(wait < PATIENCE for wait in self.waits)


@dataclass
class Listener(Stranger):
    """A caller that notes when it heard what."""

    ear: float = 0.0  # when what it has been sent will have been played
    item: str = ""  # that is being heard
    sounds: list[tuple[float, float, bool]] = field(default_factory=list)  # from, to, the model's

    async def _take(self) -> None:
        before, told = self.heard, len(self.told)
        await super()._take()
        if len(self.told) > told and self.told[-1]["type"] == "audio":
            self.item = self.told[-1]["item"]
        if self.told[told:] and self.told[-1]["type"] == "flush":
            self.ear = min(self.ear, _now())
        if self.heard > before:
            begins = max(self.ear, _now())
            self.ear = begins + (self.heard - before) / 2 / RATE
            self.sounds.append((begins, self.ear, not self.item.startswith("hold_")))

    def answered_at(self, since: float) -> float | None:
        """When the model was first heard."""
        return next((begins for begins, _, model in self.sounds if model and begins > since), None)

    def silence(self, since: float, until: float) -> float:
        """The longest without a sound in that time."""
        longest, ear = 0.0, since
        for begins, ends, _ in self.sounds:
            if begins > since and ear < until:
                longest, ear = max(longest, min(begins, until) - ear), max(ear, ends)
        return longest

    def lines(self, role: str) -> list[dict[str, Any]]:
        """The transcript in the order in which it was said, without lines that were taken back."""
        latest = {w["item"]: w for w in self.all("words") if w["role"] == role}
        return sorted((line for line in latest.values() if line["text"]), key=itemgetter("at"))


def _now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def call(plan: FaultPlan) -> AsyncIterator[tuple[Listener, list[str]]]:
    """A call whose assistant is Anna, through a bad wire; Bert would stand in for her."""
    payments: list[str] = []

    @tool
    def pay() -> str:
        """Pays."""
        payments.append("paid")
        return "paid"

    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        options = ServerOptions(session_seconds=10_000)
        anna, bert = [
            await enter(serve(Assistant(EchoEars(), Clerk(name), ToneMouth()), options=options))
            for name in ("Anna", "Bert")
        ]
        wire = await enter(serve_faults(anna.base_url, replace(plan, handshake_ms=FAR_MS)))
        other = await enter(serve_faults(bert.base_url, FaultPlan(handshake_ms=FAR_MS)))
        settings = Settings.model_validate(
            {
                "assistants": {"bert": {"kind": "embedded", "base_url": other.base_url}},
                "recovery": {"assistants": ["bert"]},
            }
        )
        target = Target(kind="embedded", base_url=wire.base_url)
        toolbox = stack.enter_context(Toolbox((pay,)))
        bound = stack.enter_context(listen("127.0.0.1", 0))
        board = Switchboard(10)
        gateway = Gateway(settings, target, toolbox, board, Metrics(), access=Access(settings))
        house = House(gateway, await enter(listening(gateway, bound)))
        socket = await enter(connect(house.browser, compression=None, proxy=None, max_size=None))
        yield Listener(socket), payments
        await board.drain(0)


async def suffer(plan: FaultPlan) -> Suffered:
    """Hold the conversation; on a virtual clock."""
    sound = speech()
    silences, waits = [], []
    async with call(plan) as (caller, payments):
        reading = asyncio.create_task(caller.to_the_end())
        await caller.send(START)
        for _ in range(QUESTIONS):
            await caller.speak(sound, pause=0.0)
            since = _now()
            await caller.speak(b"", pause=0.6)
            while caller.answered_at(since) is None and _now() < since + PATIENCE:
                await asyncio.sleep(0.05)
            while _now() < caller.ear + CALM:
                await asyncio.sleep(0.05)
            answered_at = caller.answered_at(since)
            waits.append(PATIENCE if answered_at is None else answered_at - since)
            silences.append(caller.silence(since, _now() - CALM) if answered_at else PATIENCE)
        ended = reading.done()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        asked = caller.lines("caller")
        spoken = sum(int(number) for line in asked for number in LENGTH.findall(line["text"]))
        complete = len(asked) == QUESTIONS and _each_answered(asked, caller.lines("assistant"))
        notices = tuple(notice["code"] for notice in caller.all("notice"))
    times = (tuple(silences), tuple(waits))
    return Suffered(*times, spoken, len(payments), complete, ended, notices)


def _each_answered(asked: list[dict[str, Any]], said: list[dict[str, Any]]) -> bool:
    """Whether each question has its own answer, with its number, before the next one."""
    for number, question in enumerate(asked, start=1):
        until = asked[number]["at"] if number < len(asked) else 1 << 60
        lines = [line["text"] for line in said if question["at"] <= line["at"] < until]
        if not any(f"question {number}." in text for text in lines):
            return False
    return True
