"""What trimming saves with each turn policy, and whether the model hears the same words.

A conversation of every sample: a clip, the answer, three seconds of a quiet room, the next clip.
Run by itself: `python -m tests.bench.trimming` prints the table of docs/trimming.md.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from audio.format import pcm16
from audio.noise import ComfortNoise
from audio.pcm import BYTES
from audio.vad import VoiceDetector, WebrtcDetector
from gateway import clock
from gateway.assistants.openai import open_leg
from gateway.assistants.target import Target
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.plan import Plan, TurnPolicy
from gateway.embedded.hearing import MoonshineEars
from gateway.embedded.prepare import load, prepare
from gateway.embedded.server import Assistant, serve
from tests.house import PlainMind, ToneMouth
from tests.trimming.line import (
    POLICIES,
    RATE,
    ROOM_DBFS,
    Caller,
    Clip,
    Everything,
    Log,
    call,
    clips,
    policy,
)
from tests.trimming.words import errors, normal

THINK = 3.0  # seconds between an answer and what the caller says next
ANSWER = "It takes the caller three seconds to hear me out."  # 49 characters of a tone: 2.9 s
TOKENS_PER_SECOND = 10
COLUMNS = (
    *("policy", "seconds heard", "seconds sent", "share saved", "seconds in turns"),
    *("tokens in turns", "tokens saved", "same transcripts", "wrong words"),
    "ms to the answer",
)
WITHOUT = "everything sent"
ALONE = "gateway, no second opinion"  # webrtcvad alone decides what is speech
ROWS = (WITHOUT, *POLICIES, ALONE)
Hear = Callable[..., str]
Words = dict[str, str]  # by clip


@dataclass(frozen=True, slots=True)
class Measured:
    """One conversation."""

    policy: str
    heard: float  # seconds that came from the caller
    sent: float  # seconds of them that went to the model
    committed: float  # seconds that became turns, which is what a model bills
    tokens_saved: int
    words: Words
    turns: int
    waits: list[int]  # microseconds from the end of speech to the answer; computing costs none

    def row(self, without: Words) -> list[str]:
        """A line of the table."""
        same = sum(normal(self.words[name]) == normal(without[name]) for name in self.words)
        return [
            self.policy,
            f"{self.heard:.1f}",
            f"{self.sent:.1f}",
            f"{1 - self.sent / self.heard:.0%}",
            f"{self.committed:.1f}",
            f"{self.committed * TOKENS_PER_SECOND:.0f}",
            str(self.tokens_saved),
            f"{same} of {len(without)}",
            f"{wrong(self.words)} of {sum(len(normal(clip.text)) for clip in spoken())}",
            f"{statistics.median(self.waits) / 1000:.0f}",
        ]


def wrong(words: Words) -> int:
    """Words heard otherwise than they were said, over all clips."""
    return sum(errors(normal(clips()[name].text), normal(heard)) for name, heard in words.items())


def spoken() -> list[Clip]:
    """The samples in which somebody speaks."""
    return [clip for clip in clips().values() if clip.text]


def assistant(hear: Hear, answer: str = ANSWER) -> Assistant:
    """Real ears; what is answered does not matter, only that it takes its time."""
    return Assistant(MoonshineEars(hear), PlainMind(answer), ToneMouth())


def converse(
    turns: TurnPolicy,
    hear: Hear,
    voice: VoiceDetector | None = None,
    think: float = THINK,
    answer: str = ANSWER,
    said: Sequence[Clip] | None = None,
) -> Measured:
    """A conversation of these clips, or of all, under that policy, on a virtual clock."""
    began: dict[str, float] = {}

    async def script(caller: Caller) -> None:
        await caller.listen(think)
        for clip in spoken() if said is None else said:
            began[clip.name] = caller.now
            await caller.say(clip.pcm)
            await caller.wait_answer()
            await caller.listen(think)

    async def live() -> Log:
        parts = assistant(hear, answer)
        try:
            return await call(script, turns, parts, voice)
        finally:
            await parts.ears.close()

    log = clock.run(live())
    savings = log.savings()
    return Measured(
        policy=turns.detector,
        heard=savings.heard / RATE,
        sent=savings.sent / RATE,
        committed=_committed(log, turns.detector) / RATE,
        tokens_saved=savings.tokens_saved,
        words=_by_clip(log, began, think),
        turns=len(log.all(on.TurnCommitted)),
        waits=[one.voice_to_voice for one in log.all(do.ShowLatency)],
    )


def _by_clip(log: Log, began: dict[str, float], think: float) -> Words:
    """What was recognised of each clip: the lines that began between it and the next one."""
    names, words = list(began), dict.fromkeys(began, "")
    for line in sorted(log.lines(), key=lambda line: line.at):
        # A line may be said to begin a little before its clip: the room opened the gate.
        earlier = [name for name in names if began[name] <= line.at / 1e6 + think / 2]
        words[earlier[-1]] += " " + line.text
    return words


def _committed(log: Log, detector: str) -> int:
    """Samples that became turns."""
    if detector == "gateway":
        total = turn = 0
        for effect in log.all(object):
            if isinstance(effect, do.SendAudio):
                turn += len(effect.pcm) // BYTES
            elif isinstance(effect, do.Commit):
                total, turn = total + turn, 0
            elif isinstance(effect, do.ClearInput):
                turn = 0
        return total
    ends = sum(event.written for event in log.all(on.SpeechStopped))
    return ends - sum(event.written for event in log.all(on.SpeechStarted))


def whole_turns(hear: Hear) -> Words:
    """What is recognised when each clip, and three seconds of the room, is committed as it is."""

    async def live() -> Words:
        parts = assistant(hear)
        words = {}
        async with serve(parts) as address:
            target = Target(kind="embedded", base_url=address.base_url)
            for clip in spoken():
                words[clip.name] = await _whole_turn(clip, target)
        await parts.ears.close()
        return words

    return clock.run(live())


async def _whole_turn(clip: Clip, target: Target) -> str:
    events: asyncio.Queue[Any] = asyncio.Queue()
    leg = open_leg(target, pcm16(RATE))
    running = asyncio.create_task(leg.run(events.put_nowait))
    room = ComfortNoise(RATE, ROOM_DBFS)
    leg.send(do.Configure(Plan(transcription="any")))
    leg.send(do.SendAudio(clip.pcm + room.frame(int(THINK * RATE))))
    leg.send(do.Commit())
    while not (isinstance(event := await events.get(), on.CallerWords) and event.final):
        pass
    leg.close("that was all")
    await running
    return str(event.text)


def table(rows: list[list[str]]) -> str:
    """Markdown."""
    lines = [list(COLUMNS), ["---"] + ["---:"] * (len(COLUMNS) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def measure(hear: Hear) -> list[Measured]:
    """One conversation for each of ROWS."""
    measured = [
        converse(policy("server"), hear, Everything()),
        *(converse(policy(detector), hear) for detector in POLICIES),
        converse(policy("gateway"), hear, WebrtcDetector(RATE)),
    ]
    return [replace(one, policy=row) for one, row in zip(measured, ROWS, strict=True)]


def main() -> None:
    hear = load(prepare()).transcribe
    without = whole_turns(hear)
    measured = measure(hear)
    print(table([one.row(without) for one in measured]))
    print()
    print(f"{len(without)} clips; committed whole they have {wrong(without)} wrong words.")
    for one in measured:
        print(f"{one.policy}: {one.turns} turns")
        for name, words in one.words.items():
            if normal(words) != normal(without[name]):
                print(f"  {name}: {words.strip()!r}, whole {without[name]!r}")


if __name__ == "__main__":
    main()
