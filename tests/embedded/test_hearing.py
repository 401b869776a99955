"""The Listener and its ears: what is certain while it is spoken, and when all of it is known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gateway import clock
from gateway.embedded.hearing import Listener, MoonshineEars
from gateway.embedded.loudness import Loudness
from gateway.embedded.moonshine import Moonshine, agreement
from gateway.embedded.workers import Stop
from gateway.errors import AssistantError

FRAME = 640  # bytes of 20 ms


def noise(ms: int, level: float) -> bytes:
    samples = np.random.default_rng(ms).standard_normal(ms * 16) * level
    return bytes(samples.astype("<i2").tobytes())


def speech(ms: int) -> bytes:
    return noise(ms, 3000)


def quiet(ms: int) -> bytes:
    return noise(ms, 3)


class Words:
    """A model that hears one word in each 500 ms of audio, and remembers what it was asked."""

    def __init__(self, text: str = "a b c d e f g h i j k l m n o p q r s t u v w x y z") -> None:
        self.words = text.split()
        self.asked: list[int] = []  # milliseconds of audio

    def __call__(self, pcm: bytes, stop: Stop) -> str:
        self.asked.append(len(pcm) // 32)
        return " ".join(self.words[: len(pcm) // 16_000]) + "."


async def play(listener: Listener, pcm: bytes) -> None:
    """In real time, by the virtual clock: what a decode takes costs none of it."""
    for at in range(0, len(pcm), FRAME):
        listener.hear(pcm[at : at + FRAME])
        await asyncio.sleep(0.02)


# ---------------------------------------------------------------- one turn


def test_the_final_text_is_ready_before_the_turn_is_over() -> None:
    model = Words()

    async def main() -> str:
        ears = MoonshineEars(model, workers=1)
        listener = Listener(ears, partials=False)
        await play(listener, quiet(400) + speech(2000) + quiet(400))
        before = len(model.asked)
        text = await listener.finish()
        assert len(model.asked) == before == 1
        await ears.close()
        return text

    assert clock.run(main()) == "a b c d."
    assert 2200 <= model.asked[0] <= 2300  # lead, speech, and the 120 ms that raised the hope


def test_a_pause_within_a_turn_costs_a_decode_and_changes_nothing() -> None:
    model = Words()

    async def main() -> str:
        ears = MoonshineEars(model, workers=1)
        listener = Listener(ears, partials=False)
        await play(listener, speech(1000) + quiet(300) + speech(1000) + quiet(200))
        text = await listener.finish()
        await ears.close()
        return text

    assert clock.run(main()) == "a b c d."
    assert len(model.asked) == 2


def test_without_a_pause_at_the_end_it_is_decoded_when_it_is_over() -> None:
    model = Words()

    async def main() -> str:
        ears = MoonshineEars(model, workers=1)
        listener = Listener(ears, partials=False)
        await play(listener, speech(1500))
        assert model.asked == []
        text = await listener.finish()
        await ears.close()
        return text

    assert clock.run(main()) == "a b c."


def test_words_that_two_decodes_agree_on_are_told_at_once() -> None:
    model = Words()
    told: list[str] = []

    async def main() -> str:
        ears = MoonshineEars(model, workers=2)
        listener = Listener(ears, told.append)
        await play(listener, speech(3300))
        assert "".join(told) == "a b c d"  # of 2.4 s the first time, of 3.2 s the second
        text = await listener.finish()
        await ears.close()
        return text

    text = clock.run(main())
    assert text == "".join(told) == "a b c d e f."
    assert len(told) > 3


def test_a_word_that_changes_its_mind_is_not_told() -> None:
    texts = iter(
        ["I want to eat.", "I want two eggs", "I want two eggs, please", "I want two eggs."]
    )
    told: list[str] = []

    async def main() -> str:
        ears = MoonshineEars(lambda pcm, stop: next(texts), workers=2)
        listener = Listener(ears, told.append)
        await play(listener, speech(1850))
        text = await listener.finish()
        await ears.close()
        return text

    assert clock.run(main()) == "I want two eggs."
    assert told == ["I want", " two eggs,"]


def test_without_partials_all_words_come_at_the_end() -> None:
    told: list[str] = []

    async def main() -> None:
        ears = MoonshineEars(Words(), workers=2)
        listener = Listener(ears, told.append, False)
        await play(listener, speech(3000))
        assert told == []
        await listener.finish()
        await ears.close()

    clock.run(main())
    assert told == ["a b c d e f."]


def test_silence_for_ever_is_neither_kept_nor_decoded() -> None:
    model = Words()

    async def main() -> str:
        ears = MoonshineEars(model, workers=1)
        listener = Listener(ears)
        for _ in range(300):
            listener.hear(quiet(1000))
        text = await listener.finish()
        await ears.close()
        return text

    assert clock.run(main()) == ""
    assert model.asked == []


def test_a_click_is_no_speech() -> None:
    loudness = Loudness()
    assert not any(loudness.is_speech(quiet(20)) for _ in range(20))
    assert not loudness.is_speech(speech(20))
    assert not loudness.is_speech(quiet(20))
    assert [loudness.is_speech(speech(20)) for _ in range(3)] == [False, True, True]


def test_speech_is_told_from_the_noise_of_a_street() -> None:
    loudness = Loudness()
    street, voice = noise(20, 300), noise(20, 4000)
    for _ in range(50):
        loudness.is_speech(street)
    assert [loudness.is_speech(voice) for _ in range(30)][1:] == [True] * 29
    assert [loudness.is_speech(street) for _ in range(30)] == [False] * 30


def test_a_long_turn_is_decoded_in_parts_at_its_pauses() -> None:
    model = Words()

    async def main() -> str:
        ears = MoonshineEars(model, workers=1)
        listener = Listener(ears, partials=False)
        for _ in range(4):
            await play(listener, speech(11_000) + quiet(400))
        await play(listener, speech(1000) + quiet(200))
        text = await listener.finish()
        await ears.close()
        return text

    part = "a b c d e f g h i j k l m n o p q r s t u v."
    assert clock.run(main()) == " ".join([part] * 4 + ["a b."])
    assert max(model.asked) < 12_000
    assert len(model.asked) == 5


def test_pieces_of_any_length_do_the_same() -> None:
    pcm = quiet(333) + speech(1777) + quiet(150) + speech(700) + quiet(333)

    def heard(size: int) -> tuple[list[int], str]:
        model = Words()

        async def main() -> str:
            ears = MoonshineEars(model, workers=1)
            listener = Listener(ears, partials=False)
            for at in range(0, len(pcm), size):
                listener.hear(pcm[at : at + size])
                await asyncio.sleep(0.02)
            text = await listener.finish()
            await ears.close()
            return text

        text = clock.run(main())
        return model.asked[-1:], text

    assert heard(640) == heard(333) == heard(5000)


async def test_ears_that_only_transcribe_will_do() -> None:
    class Plain:
        async def transcribe(self, pcm: bytes) -> str:
            return f"{len(pcm) // 32_000} seconds"

        async def close(self) -> None: ...

    listener = Listener(Plain())
    listener.hear(speech(2000) + quiet(200))
    assert await listener.finish() == "2 seconds"


async def test_what_goes_wrong_in_the_model_reaches_whoever_waits() -> None:
    def broken(pcm: bytes, stop: Stop) -> str:
        raise AssistantError("out of order")

    ears = MoonshineEars(broken, workers=2)
    listener = Listener(ears)
    listener.hear(speech(2000) + quiet(200))
    with pytest.raises(AssistantError, match="out of order"):
        await listener.finish()
    await ears.close()


# ---------------------------------------------------------------- with the model


@pytest.mark.models
def test_speech_is_known_when_the_turn_is_over(
    moonshine: Moonshine, clip: Callable[[str], Any]
) -> None:
    sample = clip("sense_and_sensibility_0920")
    told: list[str] = []

    async def main() -> str:
        ears = MoonshineEars(moonshine.transcribe, workers=2)
        listener = Listener(ears, told.append)
        await play(listener, quiet(400) + sample.pcm + quiet(400))
        assert len("".join(told).split()) >= 8  # most of it was certain while it was spoken
        text = await listener.finish()
        await ears.close()
        return text

    text = clock.run(main())
    assert agreement(sample.text, text) >= 0.9
    assert agreement(text, "".join(told)) >= 0.9


@pytest.mark.models
async def test_loaded_ears_hear(models_cache: Any, clip: Callable[[str], Any]) -> None:
    ears = await MoonshineEars.load(models_cache)
    sample = clip("sense_and_sensibility_0880")
    assert agreement(sample.text, await ears.transcribe(sample.pcm)) >= 0.9
    await ears.close()
