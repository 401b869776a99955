"""The sample caller at a gateway of tones: it waits, speaks, types, presses and interrupts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from audio import wav
from audio.pcm import BYTES
from audio.tone import sine
from gateway.embedded.faults import Faults
from gateway.embedded.parts import Heard, Say, Situation, Thought
from gateway.embedded.server import ServerOptions
from gateway.rehearsal.caller import CallError, SampleCaller, address
from gateway.rehearsal.conversation import Conversation
from gateway.rehearsal.script import (
    Interrupt,
    Keep,
    Press,
    Script,
    ScriptError,
    Think,
    Turn,
    Type,
)
from gateway.rehearsal.script import Say as SayFile
from gateway.rehearsal.sounds import RATE, read, script_of
from tests.house import open_house

pytestmark = pytest.mark.virtual_clock

ORDER = Path("audio/commands/where_is_my_order.wav")


@dataclass
class Parrot:
    """Says that it heard what it heard."""

    letters: int = 20

    async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
        last = [line.text for line in situation.lines if isinstance(line, Heard)][-1]
        yield Say(last[: self.letters])

    async def close(self) -> None: ...


async def talk(*turns: Turn, limit: float = 60.0, **house: object) -> Conversation:
    script = Script("a test", turns, timeout=limit)
    async with open_house(house.pop("mind", Parrot()), **house) as there:  # type: ignore[arg-type]
        return await SampleCaller(script, read(script)).call(there.browser)


def onsets(pcm: bytes, rate: int = RATE) -> list[float]:
    """When sound begins after at least a quarter of a second of nothing, in seconds."""
    found, quiet = [], rate
    for at in range(0, len(pcm), 480):
        if any(pcm[at : at + 480]):
            if quiet > rate // 4:
                found.append(at / BYTES / rate)
            quiet = 0
        else:
            quiet += 240
    return found


async def test_what_was_typed_is_answered_and_the_answer_is_heard_whole() -> None:
    conversation = await talk(Turn(Type("0123456789"), Think(1.0)))
    assert conversation.complete
    assert conversation.ended == "hung up"
    assert conversation.texts("caller") == ["0123456789"]
    assert conversation.texts("assistant") == ["0123456789"]
    (began,) = onsets(conversation.heard.pcm)
    assert began == pytest.approx(1.0, abs=0.05)
    assert conversation.heard.seconds - began == pytest.approx(0.6, abs=0.02)  # 60 ms a letter


async def test_a_turn_waits_until_the_answer_to_the_one_before_has_been_heard() -> None:
    conversation = await talk(Turn(Type("one"), Think(0.5)), Turn(Type("two"), Think(2.0)))
    first, second = onsets(conversation.heard.pcm)
    assert second - first == pytest.approx(3 * 0.06 + 2.0, abs=0.05)


async def test_speech_is_sent_in_time_and_silence_around_it(samples: Path) -> None:
    conversation = await talk(Turn(SayFile(samples / ORDER), Think(1.0)))
    spoken = wav.read(samples / ORDER, rate=RATE)
    began = conversation.said.pcm.index(spoken[:4800])
    assert began / BYTES / RATE == pytest.approx(1.0, abs=0.03)
    assert conversation.said.pcm[began : began + len(spoken)] == spoken
    assert not any(conversation.said.pcm[:began])
    assert conversation.said.seconds == pytest.approx(conversation.heard.seconds, abs=2.0)
    assert conversation.latencies[0] == pytest.approx(0.36, abs=0.1)


async def test_an_interruption_comes_so_long_after_the_assistant_began() -> None:
    conversation = await talk(
        Turn(Type("ten words " * 10), Think(0.5)),
        Turn(Type("stop"), Interrupt(1.5)),
        mind=Parrot(letters=100),
    )
    cut, answer = [line for line in conversation.transcript if line.who == "assistant"]
    assert cut.cut
    assert not answer.cut
    assert conversation.heard.seconds == pytest.approx(0.5 + 1.5 + 4 * 0.06, abs=0.05)


async def test_digits_are_told_to_the_assistant_together() -> None:
    conversation = await talk(Turn(Press("42#"), Think(0.2)), mind=Parrot(letters=60))
    assert conversation.texts("caller") == ["[pressed 42#]"]
    assert conversation.texts("assistant") == ["The caller pressed 4 2 # on the telephone."]


async def test_the_savings_are_those_of_the_whole_call() -> None:
    conversation = await talk(Turn(Type("one"), Think(0.5)), Turn(Keep(3.0), Think(0.0)))
    assert conversation.savings.spoken == pytest.approx(conversation.said.seconds, abs=0.05)
    assert conversation.savings.sent == 0.0


async def test_keeping_silent_takes_its_time() -> None:
    conversation = await talk(Turn(Keep(5.0), Think(0.0)))
    assert conversation.complete
    assert conversation.said.seconds == pytest.approx(5.6, abs=0.1)
    assert conversation.latencies == ()
    assert conversation.median_latency == 0.0


async def test_a_lost_assistant_is_told_and_the_call_has_not_gone_through() -> None:
    options = ServerOptions(faults=Faults(drop_after=12))
    conversation = await talk(
        Turn(Type("one"), Think(0.5)), Turn(Type("two"), Think(60.0)), options=options
    )
    assert not conversation.complete
    assert "assistant_lost" in [notice.code for notice in conversation.notices]


async def test_a_script_that_takes_too_long_is_given_up() -> None:
    conversation = await talk(Turn(Keep(100.0), Think(0.0)), limit=3.0)
    assert not conversation.complete
    assert conversation.ended == "the script was not played to its end in 3 s"


async def test_an_interruption_of_nothing_is_said() -> None:
    conversation = await talk(Turn(Type("x"), Interrupt(0.1)), limit=100)
    assert not conversation.complete
    assert conversation.ended == "there was no answer that could be interrupted"


async def test_a_wrong_token_is_told_in_the_words_of_the_gateway() -> None:
    script = Script("a test", (Turn(Type("x"), Think(0.0)),))
    async with open_house(variables={"TRUNKLINE_SERVER__TOKEN": "secret"}) as there:
        with pytest.raises(CallError, match=r"Expected .* token"):
            await SampleCaller(script, {}).call(there.browser, "wrong")
        conversation = await SampleCaller(script, {}).call(there.browser, "secret")
    assert conversation.complete


async def test_an_address_where_nobody_listens_is_named() -> None:
    script = Script("a test", (Turn(Type("x"), Think(0.0)),))
    with pytest.raises(CallError, match="no gateway takes the call at ws://127"):
        await SampleCaller(script, {}).call("ws://127.0.0.1:9/browser")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http://localhost:8080", "ws://localhost:8080/browser"),
        ("https://example.org/", "wss://example.org/browser"),
        ("ws://localhost:8080/browser", "ws://localhost:8080/browser"),
        ("wss://example.org/phone/browser?x=1", "wss://example.org/phone/browser?x=1"),
    ],
)
async def test_an_address_may_be_that_of_the_page(given: str, meant: str) -> None:
    assert address(given) == meant


async def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(CallError, match="expected an address such as ws://"):
        address("localhost:8080")


# ---------------------------------------------------------------- recordings


async def test_recordings_become_turns_with_time_to_think(samples: Path) -> None:
    script, sounds = script_of([samples / ORDER, samples / ORDER])
    assert script.turns == (Turn(SayFile(samples / ORDER), Think(0.6)),) * 2
    assert list(sounds) == [samples / ORDER]


async def test_bad_recordings_are_named_before_any_call(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("this is no sound")
    (tmp_path / "empty.wav").touch()
    wav.write(tmp_path / "nothing.wav", b"", RATE)
    wav.write(tmp_path / "hour.wav", bytes(3600 * 8000 * BYTES), 8000)
    for name, words in {
        "none.wav": "does not exist",
        "text.wav": "is not a sound file",
        "empty.wav": "is empty, 0 bytes",
        "nothing.wav": "without sound",
        "hour.wav": "lasts 3600 s, and at most 600 s are taken",
    }.items():
        with pytest.raises(ScriptError, match=words):
            script_of([tmp_path / name])


async def test_stereo_and_high_rates_are_taken_in_stride(tmp_path: Path) -> None:
    tone = sine(440, 0.5, 96_000)
    left = b"".join(tone[at : at + 2] + bytes(2) for at in range(0, len(tone), 2))
    wav.write(tmp_path / "stereo.wav", left, 96_000, channels=2)
    _, sounds = script_of([tmp_path / "stereo.wav"])
    assert len(sounds[tmp_path / "stereo.wav"]) / BYTES / RATE == pytest.approx(0.5, abs=0.01)


async def test_a_script_stands_alone_and_nothing_is_no_call(samples: Path) -> None:
    with pytest.raises(ScriptError, match="either one script or sound files"):
        script_of([samples / ORDER, samples / "conversations" / "order.toml"])
    with pytest.raises(ScriptError, match="expected a sound file or a script"):
        script_of([])
