"""Whole calls under each turn policy, over a socket, with the embedded server's own detection."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from audio.noise import white_noise
from audio.pcm import BYTES, Framer
from audio.silero import SileroDetector
from audio.vad import WebrtcDetector
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.turns import STALLED_US
from gateway.embedded.parts import Heard, Line, Said, Say, Situation
from gateway.embedded.server import Assistant
from tests.house import EchoEars, PlainMind, ToneMouth
from tests.trimming.line import FRAME, POLICIES, RATE, Caller, Clip, call, clips, policy

pytestmark = [pytest.mark.virtual_clock, pytest.mark.long]

HUMAN = [name for name in clips() if name.startswith("human/")]
MODELS = ("server", "semantic")
ROOM = 0.15  # seconds at both ends of each command
SHORT = "Yes, of course it is."


def clip(name: str) -> Clip:
    return clips()[name]


def cut(pcm: bytes, begin: float = 0.0, end: float | None = None) -> bytes:
    """A part of it, in seconds."""
    last = len(pcm) if end is None else round(end * RATE) * BYTES
    return pcm[round(begin * RATE) * BYTES : last]


def onset(pcm: bytes) -> float:
    """Where speech begins in a recording, in seconds, as Silero hears it with no call around it."""
    silero = SileroDetector(RATE)
    voiced = [silero.voiced(frame) for frame in Framer(FRAME).push(pcm)]
    return 0.02 * next(i for i in range(len(voiced)) if all(voiced[i : i + 3]))


def assistant(sentence: str = SHORT) -> Assistant:
    return Assistant(EchoEars(), PlainMind(sentence), ToneMouth())


@dataclass
class Reader:
    """A mind that keeps what it was given to read."""

    read: list[tuple[Line, ...]] = field(default_factory=list)

    async def answer(self, situation: Situation):  # type: ignore[no-untyped-def]
        self.read.append(situation.lines)
        yield Say("Certainly, please go on with what you have to say.")

    async def close(self) -> None:
        pass


# ---------------------------------------------------------------- turns


@pytest.mark.parametrize("detector", POLICIES)
@pytest.mark.parametrize("second_opinion", [True, False])
async def test_every_clip_is_one_turn_and_is_answered(detector: str, second_opinion: bool) -> None:
    names = [*HUMAN, "commands/hello", "commands/yes", "commands/no", "commands/stop_wait"]
    voice = None if second_opinion else WebrtcDetector(RATE)

    async def script(caller: Caller) -> None:
        await caller.listen(1)
        for name in names:
            await caller.say(clip(name).pcm)
            await caller.wait_answer()
            await caller.listen(1)

    log = await call(script, policy(detector), assistant(), voice)
    assert len(log.all(on.TurnCommitted)) == len(log.answers()) == len(names)
    heard_by_model = len(names) if detector in MODELS else 0
    assert len(log.all(on.SpeechStarted)) == len(log.all(on.SpeechStopped)) == heard_by_model
    assert len(log.all(do.Commit)) == len(names) - heard_by_model
    assert not log.all(on.AssistantRefused)
    savings = log.savings()
    assert savings.sent < 0.8 * savings.heard


@pytest.mark.parametrize("detector", POLICIES)
async def test_speech_is_put_where_it_was_spoken_in_the_call(detector: str) -> None:
    names = [*HUMAN, "commands/hello", "commands/when_ship", "commands/no"]
    spoken: dict[str, float] = {}

    async def script(caller: Caller) -> None:
        await caller.listen(1)
        for number, name in enumerate(names):
            spoken[name] = await caller.say(clip(name).pcm) + onset(clip(name).pcm)
            await caller.wait_answer()
            await caller.listen(0.5 + number % 3)

    log = await call(script, policy(detector), assistant())
    began = [line.at / 1e6 for line in sorted(log.lines(), key=lambda line: line.at)]
    assert len(began) == len(names)
    off = {name: at - spoken[name] for name, at in zip(names, began, strict=True)}
    assert {name: by for name, by in off.items() if abs(by) > 0.1} == {}


@pytest.mark.parametrize(
    ("detector", "pause"), [("gateway", 0.26), ("semantic", 0.3), ("server", 0.4)]
)
async def test_a_pause_within_a_sentence_does_not_end_the_turn(detector: str, pause: float) -> None:
    first, second = clip("commands/hello"), clip("commands/what_time")

    async def script(caller: Caller) -> None:
        await caller.listen(1)
        await caller.say(cut(first.pcm, end=first.seconds - ROOM))
        await caller.listen(pause)
        await caller.say(cut(second.pcm, ROOM))
        await caller.wait_answer()

    log = await call(script, policy(detector), assistant())
    assert len(log.all(on.TurnCommitted)) == 1
    assert len(log.answers()) == 1


@pytest.mark.parametrize("detector", POLICIES)
async def test_a_cough_is_no_turn(detector: str) -> None:
    async def script(caller: Caller) -> None:
        await caller.listen(1)
        await caller.say(clip("commands/cough").pcm)
        await caller.listen(5)

    log = await call(script, policy(detector), assistant())
    assert not log.all(on.TurnCommitted)
    assert log.savings().sent == 0


async def test_a_cough_that_is_taken_for_speech_only_makes_the_assistant_pause() -> None:
    """webrtcvad alone hears 240 ms of speech in it: then the minimum has to be longer."""

    async def script(caller: Caller) -> None:
        await caller.listen(1)
        await caller.say(clip("commands/what_time").pcm)
        await caller.wait("speaking")
        await caller.listen(0.5)
        await caller.say(clip("commands/cough").pcm)
        await caller.wait_answer()

    turns = policy("gateway", minimum_speech=260_000)
    log = await call(script, turns, assistant(), WebrtcDetector(RATE))
    assert len(log.all(on.TurnCommitted)) == len(log.all(do.ClearInput)) == 1
    assert len(log.all(do.Flush)) == 1
    first, second = [order.instructions for order in log.all(do.Respond)]
    assert not first
    assert "Go on from where you stopped" in second


@pytest.mark.parametrize("detector", POLICIES)
async def test_noise_without_speech_is_neither_sent_nor_answered(detector: str) -> None:
    async def script(caller: Caller) -> None:
        await caller.say(white_noise(10, RATE, -30))
        await caller.listen(1)

    log = await call(script, policy(detector), assistant())
    assert not log.all(on.TurnCommitted)
    assert log.savings().sent == 0


# ---------------------------------------------------------------- the caller mutes


@pytest.mark.parametrize("detector", POLICIES)
@pytest.mark.parametrize("after", [1.2, 2.0, 4.0])
async def test_a_caller_who_mutes_in_mid_speech_is_answered(detector: str, after: float) -> None:
    muted = 0.0

    async def script(caller: Caller) -> None:
        nonlocal muted
        await caller.listen(1)
        await caller.say(cut(clip("human/sense_and_sensibility_0920").pcm, end=after))
        muted = caller.now
        await caller.mute(6)
        await caller.say(clip("commands/what_time").pcm)
        await caller.wait_answer()

    log = await call(script, policy(detector), assistant())
    committed = log.times(on.TurnCommitted)
    assert len(committed) == len(log.answers()) == 2
    # No later than with a live line, but for the time that it takes to see that it is dead.
    assert committed[0] - muted < 0.5 + 2 * STALLED_US / 1e6
    assert committed[1] > muted + 6


@pytest.mark.parametrize("detector", POLICIES)
async def test_push_to_talk_without_any_silence_is_answered(detector: str) -> None:
    """The line carries sound only while a key is held: not even the room is heard between."""
    names = ["commands/hello", "commands/what_time", "commands/no"]

    async def script(caller: Caller) -> None:
        await caller.mute(2)
        for name in names:
            await caller.say(cut(clip(name).pcm, ROOM, clip(name).seconds - ROOM))
            await caller.mute(8)

    log = await call(script, policy(detector), assistant())
    assert len(log.all(on.TurnCommitted)) == len(log.answers()) == len(names)
    assert log.state == "listening"


# ---------------------------------------------------------------- barge-in


@pytest.mark.parametrize("detector", POLICIES)
@pytest.mark.parametrize("name", ["commands/stop_wait", "human/goforward", "human/cards_003"])
async def test_the_caller_interrupts(detector: str, name: str) -> None:
    spoken = 0.0

    async def script(caller: Caller) -> None:
        nonlocal spoken
        await caller.listen(1)
        await caller.say(clip("commands/what_time").pcm)
        await caller.wait("speaking")
        await caller.listen(1.5)
        spoken = await caller.say(clip(name).pcm) + onset(clip(name).pcm)
        await caller.wait_answer()

    log = await call(script, policy(detector), assistant("A long answer, " * 12))
    (flushed,) = log.times(do.Flush)
    assert 0 < flushed - spoken < 0.25
    (truncated,) = log.all(do.Truncate)
    heard = flushed - log.times(do.Play)[0]
    assert truncated.heard / RATE == pytest.approx(heard, abs=0.02)
    first, second = log.answers()
    assert first.cut
    assert second.text.startswith("A long answer")
    assert len(log.all(on.TurnCommitted)) == 2


@pytest.mark.parametrize("detector", ["gateway", "server"])
async def test_a_speaker_who_resumes_is_heard_as_one_utterance(detector: str) -> None:
    """A pause just long enough to end the turn: the answer that began is not heard."""
    first, second = clip("commands/hello"), clip("commands/what_time")
    mind = Reader()
    pause = {"gateway": 0.42, "server": 0.6}[detector]

    async def script(caller: Caller) -> None:
        await caller.listen(1)
        await caller.say(cut(first.pcm, end=first.seconds - ROOM))
        await caller.listen(pause)
        await caller.say(cut(second.pcm, ROOM))
        await caller.wait_answer()

    log = await call(script, policy(detector), Assistant(EchoEars(), mind, ToneMouth()))
    assert len(log.all(on.TurnCommitted)) == 2
    assert len(log.all(do.Flush)) == 1
    assert [type(line) for line in mind.read[0]] == [Heard]
    assert [type(line) for line in mind.read[1]] == [Heard, Heard]
    assert not any(isinstance(line, Said) for lines in mind.read for line in lines)
    assert [line.text for line in log.answers() if line.text] == [
        "Certainly, please go on with what you have to say."
    ]


# ---------------------------------------------------------------- what is sent


async def test_what_goes_to_the_model_is_what_the_caller_said() -> None:
    said = clip("human/something").pcm

    async def script(caller: Caller) -> None:
        await caller.mute(1)
        await caller.say(said)
        await caller.mute(3)

    sent = (await call(script, policy("gateway"), assistant())).sent()
    assert len(sent) > len(said) // 2
    assert sent in said
