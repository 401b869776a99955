"""The Mouth: what it says can be understood, begins soon, and stops at once."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soxr

from gateway.embedded import speaking
from gateway.embedded.moonshine import Moonshine, agreement
from gateway.embedded.parts import Mouth
from gateway.embedded.speaking import EspeakMouth, HibariMouth, find_mouth, trimmed
from gateway.errors import AssistantError

RATE = 24_000

needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng is not on this machine"
)


async def said(mouth: Mouth, text: str, speed: float = 1.0) -> bytes:
    return b"".join([piece async for piece in mouth.speak(text, speed=speed)])


def understood(ears: Moonshine, pcm: bytes) -> str:
    heard = soxr.resample(np.frombuffer(pcm, "<i2"), RATE, 16_000)
    return ears.transcribe(heard.astype("<i2").tobytes())


@pytest.fixture(scope="module")
def _loaded() -> object:
    pytest.importorskip("hibari")
    return speaking._load_hibari()


@pytest.fixture
async def mouth(_loaded: object) -> AsyncIterator[HibariMouth]:
    made = HibariMouth(_loaded)
    yield made
    await made.close()


# ---------------------------------------------------------------- hibari


@pytest.mark.models
async def test_what_it_says_is_understood(mouth: HibariMouth, moonshine: Moonshine) -> None:
    text = "Your order is on its way. It will arrive on Tuesday, and it costs twenty dollars."
    heard = understood(moonshine, await said(mouth, text))
    assert agreement(text.replace("twenty dollars", "20"), heard.replace("dollars", "")) >= 0.9


@pytest.mark.models
async def test_an_order_number_is_read_digit_by_digit(
    mouth: HibariMouth, moonshine: Moonshine
) -> None:
    as_number = await said(mouth, "Order 4217 is on its way.")
    as_digits = await said(mouth, "Order 4 2 1 7 is on its way.")
    assert as_number == as_digits
    assert "4217" in understood(moonshine, as_number)


@pytest.mark.models
async def test_the_same_text_sounds_the_same(mouth: HibariMouth) -> None:
    assert await said(mouth, "Hello there.") == await said(mouth, "Hello there.")


@pytest.mark.models
async def test_it_begins_without_silence_and_with_a_small_piece(mouth: HibariMouth) -> None:
    pieces = [piece async for piece in mouth.speak("Hello there, how are you? I am fine.")]
    assert len(pieces[0]) == 2 * RATE * 40 // 1000
    assert max(len(piece) for piece in pieces) <= 2 * RATE * 200 // 1000
    assert all(len(piece) % 2 == 0 for piece in pieces)
    loud = np.flatnonzero(np.abs(np.frombuffer(b"".join(pieces), "<i2")) > 500)
    assert loud[0] < RATE * 60 // 1000


@pytest.mark.models
async def test_sentences_are_a_breath_apart(mouth: HibariMouth) -> None:
    pcm = np.frombuffer(await said(mouth, "Good. Bad."), "<i2")
    loud = np.flatnonzero(np.abs(pcm) > 300)
    longest = max(after - before for before, after in pairwise(loud.tolist()))
    assert 0.2 < longest / RATE < 0.6


@pytest.mark.models
async def test_speed_is_honoured(mouth: HibariMouth) -> None:
    text = "This is a sentence of some words, and then some more."
    slow, usual, fast = [len(await said(mouth, text, speed)) for speed in (0.7, 1.0, 1.4)]
    assert slow > 1.2 * usual > 1.2 * 1.2 * fast


@pytest.mark.models
@pytest.mark.parametrize("text", ["", "   ", "...", "\U0001f600", "**", "日本語"])
async def test_a_text_that_cannot_be_said_is_passed_over(mouth: HibariMouth, text: str) -> None:
    assert await said(mouth, text) == b""
    assert await said(mouth, text + "\nHello.") != b""


@pytest.mark.models
async def test_a_very_long_sentence_begins_as_soon_as_a_short_one(mouth: HibariMouth) -> None:
    speech = mouth.speak("word " * 2000)
    assert await anext(speech)
    await speech.aclose()  # type: ignore[attr-defined]  # an async generator


@pytest.mark.models
async def test_two_speak_at_once_in_turns(mouth: HibariMouth) -> None:
    alone = [await said(mouth, text) for text in ("One. Two. Three.", "Four. Five.")]
    both = await asyncio.gather(said(mouth, "One. Two. Three."), said(mouth, "Four. Five."))
    assert list(both) == alone


@pytest.mark.models
async def test_closing_ends_its_thread() -> None:
    before = threading.active_count()
    mouth = HibariMouth(lambda text, speed, seed: np.ones(2400, np.float32))
    speech = mouth.speak("One. Two. Three.")
    await anext(speech)
    await speech.aclose()  # type: ignore[attr-defined]  # an async generator
    await mouth.close()
    assert threading.active_count() == before


def test_silence_around_a_phrase_is_cut_and_its_ends_are_soft() -> None:
    wave = np.zeros(RATE, np.float32)
    wave[9000:15_000] = 0.5
    kept = trimmed(wave)
    assert 6000 < len(kept) < 6000 + RATE // 10
    assert kept[0] == kept[-1] == 0
    assert len(trimmed(np.zeros(RATE, np.float32))) == 0


# ---------------------------------------------------------------- espeak-ng


@needs_espeak
async def test_espeak_speaks_at_our_rate() -> None:
    pcm = await said(EspeakMouth(), "Hello there, how are you today?")
    assert 1 < len(pcm) / 2 / RATE < 4
    assert np.abs(np.frombuffer(pcm, "<i2")).max() > 3000


@needs_espeak
async def test_espeak_takes_any_text_on_its_input_only(tmp_path: Path) -> None:
    target = tmp_path / "written"
    assert await said(EspeakMouth(), f"-w {target} --version")
    assert not target.exists()
    assert await said(EspeakMouth(), "...") == b""


@needs_espeak
async def test_espeak_is_killed_when_nobody_listens_any_more() -> None:
    mouth = EspeakMouth()
    speech = mouth.speak("word " * 20_000)
    await anext(speech)
    (process,) = mouth._running
    await speech.aclose()  # type: ignore[attr-defined]  # an async generator
    assert process.returncode == -9
    assert not mouth._running


@needs_espeak
async def test_espeak_honours_speed() -> None:
    text = "This is a sentence of some words."
    assert len(await said(EspeakMouth(), text, 0.7)) > 1.3 * len(
        await said(EspeakMouth(), text, 1.4)
    )


async def test_a_program_that_is_missing_is_named() -> None:
    with pytest.raises(AssistantError, match="no-such-program could not be started"):
        await said(EspeakMouth("no-such-program"), "Hello.")


async def test_a_program_that_fails_is_named() -> None:
    with pytest.raises(AssistantError, match="false ended with status 1"):
        await said(EspeakMouth("false"), "Hello.")


# ---------------------------------------------------------------- choosing


@pytest.mark.models
async def test_hibari_is_the_first_choice() -> None:
    mouth = await find_mouth()
    assert isinstance(mouth, HibariMouth)
    await mouth.close()


async def test_espeak_is_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/" + name)
    mouth = await find_mouth()
    assert isinstance(mouth, EspeakMouth)
    await mouth.close()


async def test_without_a_voice_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(AssistantError, match=r'neither.* pip install "trunkline\[assistant\]"'):
        await find_mouth()
