"""A caller with recordings, a session, and the embedded server behind a real socket."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TypeVar

from audio import wav
from audio.detection import detector
from audio.format import pcm16
from audio.noise import ComfortNoise
from audio.pcm import BYTES, silence
from audio.vad import VoiceDetector
from gateway.assistants.openai import open_leg
from gateway.assistants.target import Target
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.effects import Effect
from gateway.call.events import Event
from gateway.call.plan import Plan, TurnPolicy
from gateway.embedded.server import Assistant, serve
from gateway.files import samples_dir
from gateway.session import Session
from gateway.toolbelt.runner import ToolRunner, specs
from tools.toolbox import Toolbox

RATE = 24_000
FRAME = RATE // 50 * BYTES
ROOM_DBFS = -60.0
LIMIT = 60.0  # seconds that the caller waits for an answer
POLICIES = ("gateway", "server", "semantic")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Clip:
    """Somebody says something: PCM16 at 24 kHz, and the words."""

    name: str
    pcm: bytes
    text: str

    @property
    def seconds(self) -> float:
        return len(self.pcm) / BYTES / RATE


@cache
def clips() -> dict[str, Clip]:
    """Every sample by its name, `human/…` or `commands/…`."""
    folder = samples_dir() / "audio"
    listed = tomllib.loads((folder / "transcripts.toml").read_text("utf-8"))["clip"]
    found = {}
    for entry in listed:
        name = entry["file"].removesuffix(".wav")
        found[name] = Clip(name, wav.read(folder / entry["file"], rate=RATE), entry["text"])
    return found


def policy(detector: str, **changes: int) -> TurnPolicy:
    """The default policy with this detector."""
    return replace(TurnPolicy(), detector=detector, **changes)  # type: ignore[arg-type]


class Everything:
    """A detector that takes all for speech: the gate never shuts, and nothing is trimmed."""

    def voiced(self, frame: bytes) -> bool:
        return True


@dataclass
class Log:
    """A tap that keeps all that happened, with call times in microseconds."""

    events: list[tuple[int, Event]] = field(default_factory=list)
    effects: list[tuple[int, Effect]] = field(default_factory=list)
    state: do.State = "listening"

    def event(self, event: Event, now: int) -> None:
        self.events.append((now, event))

    def effect(self, effect: Effect, now: int) -> None:
        self.effects.append((now, effect))
        if isinstance(effect, do.ShowState):
            self.state = effect.state

    def close(self) -> None:
        pass

    def all(self, kind: type[T]) -> list[T]:
        """Events or effects of that kind, in order."""
        return [what for _, what in self._both() if isinstance(what, kind)]

    def times(self, kind: type[Event] | type[Effect]) -> list[float]:
        """When they happened, in seconds."""
        return [at / 1e6 for at, what in self._both() if isinstance(what, kind)]

    def _both(self) -> list[tuple[int, Event | Effect]]:
        return [*self.events, *self.effects]

    def lines(self) -> list[do.ShowWords]:
        """The caller's lines as they stood last, those that hold words."""
        last = {line.item_id: line for line in self.all(do.ShowWords) if line.role == "caller"}
        return [line for line in last.values() if line.text]

    def answers(self) -> list[do.ShowWords]:
        """The assistant's lines as they stood last."""
        last = {line.item_id: line for line in self.all(do.ShowWords) if line.role == "assistant"}
        return list(last.values())

    def sent(self) -> bytes:
        """All audio that went to the model."""
        return b"".join(effect.pcm for effect in self.all(do.SendAudio))

    def savings(self) -> do.ShowSavings:
        return self.all(do.ShowSavings)[-1]


class Caller:
    """A leg that says what its script wants, in frames of 20 ms, each when it is over."""

    def __init__(self, script: Callable[[Caller], Awaitable[None]], log: Log) -> None:
        self._script = script
        self._log = log
        self._gone = asyncio.Event()
        self._room = ComfortNoise(RATE, ROOM_DBFS)

    async def run(self, feed: Callable[[Event], None]) -> None:
        self._feed = feed
        self._began = self._next = asyncio.get_running_loop().time()
        feed(on.CallerJoined())
        await self._script(self)
        feed(on.CallerLeft("the script is over"))
        await self._gone.wait()

    def send(self, effect: Effect) -> None:
        pass  # the log has it

    def close(self, reason: str) -> None:
        self._gone.set()

    # ------------------------------------------------------------ what a script uses

    @property
    def now(self) -> float:
        """Seconds of call time."""
        return self._next - self._began

    async def mute(self, seconds: float) -> None:
        """Send nothing at all."""
        self._next += seconds
        await asyncio.sleep(self._next - asyncio.get_running_loop().time())

    async def say(self, pcm: bytes) -> float:
        """Speak to the end; returns when it began, in seconds of call time."""
        began = self.now
        for at in range(0, len(pcm), FRAME):
            frame = pcm[at : at + FRAME]
            await self.mute(0.02)
            self._feed(on.CallerAudio(frame + silence((FRAME - len(frame)) // BYTES)))
        return began

    async def listen(self, seconds: float) -> None:
        """Let the quiet room be heard."""
        for _ in range(round(seconds * 50)):
            await self.say(self._room.frame(FRAME // BYTES))

    async def wait(self, *states: do.State) -> None:
        """Listen until the call is in one of these states."""
        until = self.now + LIMIT
        while self._log.state not in states:
            await self.listen(0.02)
            assert self.now < until, f"waited for {states} and the call is {self._log.state}"

    async def wait_answer(self) -> None:
        """Listen until the assistant has spoken and is done."""
        await self.wait("speaking")
        await self.wait("listening")


async def call(
    script: Callable[[Caller], Awaitable[None]],
    turns: TurnPolicy,
    assistant: Assistant,
    voice: VoiceDetector | None = None,
    tools: Path | None = None,
) -> Log:
    """A whole call; the embedded server runs its own voice detection."""
    log = Log()
    with Toolbox.load(*([str(tools)] if tools else [])) as box:
        plan = replace(Plan(), turns=turns, transcription="any", rate=RATE, tools=specs(box))
        async with serve(assistant) as address:
            leg = open_leg(Target(kind="embedded", base_url=address.base_url), pcm16(RATE))
            caller, hands = Caller(script, log), ToolRunner(box, plan)
            await Session(plan, caller, leg, hands, voice or detector(RATE), [log]).run()
    return log
