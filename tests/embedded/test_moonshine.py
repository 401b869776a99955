"""Moonshine: its vocabulary, how long audio is cut, and what it makes of human speech."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.embedded.moonshine import Moonshine, agreement, pieces, read_vocabulary, words
from gateway.errors import AssistantError

RATE = 16_000
LIBRIVOX = [
    f"sense_and_sensibility_{number}" for number in ("0870", "0880", "0890", "0920", "0930")
]
OTHERS = [*(f"cards_00{number}" for number in range(1, 6)), "goforward", "numbers", "something"]
SPELT = {"10": "ten", "33": "thirty three", "34": "thirty four", "92": "ninety two", "4": "four"}
SPELT |= {"6": "six", "3": "three", "5": "five", "7": "seven", "8": "eight", "mr": "mister"}


def spelt(text: str) -> str:
    """Numbers in words, as the transcripts have them."""
    return " ".join(SPELT.get(word, word) for word in words(text))


# ---------------------------------------------------------------- the vocabulary


def test_a_vocabulary_is_lengths_and_bytes() -> None:
    long = b"x" * 200
    data = b"\x05<unk>\x03<s>\x04</s>\x00\x02hi" + bytes([200 % 128 + 128, 200 // 128]) + long
    assert read_vocabulary(data) == [b"", b"", b"", b"", b"hi", long]


@pytest.mark.parametrize(
    "data", [b"", b"\x05<un", b"\x01a\x01b\x01c\x81", b"\x01a\x01b\x01c\x81\x01"]
)
def test_a_vocabulary_that_is_cut_short_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="vocabulary"):
        read_vocabulary(data)


@pytest.mark.models
def test_bytes_of_several_tokens_make_one_character(moonshine: Moonshine) -> None:
    e_acute = [3 + byte for byte in "é".encode()]
    assert moonshine.spell(e_acute) == "é"
    assert moonshine.spell(e_acute[:1]) == "\ufffd"
    assert moonshine.spell([1, 2, 32_767]) == ""


# ---------------------------------------------------------------- long audio


def test_twenty_seconds_are_heard_at_once() -> None:
    samples = np.ones(20 * RATE, np.int16)
    assert [len(piece) for piece in pieces(samples)] == [20 * RATE]


def test_longer_audio_is_cut_in_the_middle_of_a_pause() -> None:
    rng = np.random.default_rng(1)
    samples = (rng.standard_normal(50 * RATE) * 3000).astype(np.int16)
    for pause in (15, 31):
        samples[pause * RATE : pause * RATE + RATE // 2] //= 100
    cut = [len(piece) / RATE for piece in pieces(samples)]
    assert sum(cut) == 50
    assert 15 < cut[0] < 15.5
    assert 31 < cut[0] + cut[1] < 31.5
    assert max(cut) <= 20


# ---------------------------------------------------------------- texts compared


def test_agreement_counts_words_in_order_and_punishes_inventions() -> None:
    assert agreement("Hello, World!", "hello world") == 1
    assert agreement("one two three four", "one three four") == 0.75
    assert agreement("one two", "one two three four") == 0.5
    assert agreement("", "") == 1
    assert agreement("", "boo") == 0


# ---------------------------------------------------------------- what it hears


@pytest.mark.models
def test_nine_words_in_ten_of_real_speech_are_right(
    moonshine: Moonshine, clip: Callable[[str], Any]
) -> None:
    right = total = 0.0
    for name in LIBRIVOX + OTHERS:
        sample = clip(name)
        weight = len(words(sample.text))
        right += weight * agreement(sample.text, spelt(moonshine.transcribe(sample.pcm)))
        total += weight
    assert right / total >= 0.9, f"{right / total:.1%} of {total:.0f} words"


@pytest.mark.models
@pytest.mark.parametrize("seconds", [0, 0.01, 0.05, 0.3, 2])
def test_where_nobody_speaks_there_are_no_words(moonshine: Moonshine, seconds: float) -> None:
    count = int(seconds * RATE)
    assert moonshine.transcribe(bytes(2 * count)) == ""
    hiss = (np.random.default_rng(1).standard_normal(count) * 300).astype("<i2")
    assert moonshine.transcribe(hiss.tobytes()) == ""


@pytest.mark.models
def test_a_minute_is_heard_whole(moonshine: Moonshine, clip: Callable[[str], Any]) -> None:
    clips = [clip(name) for name in LIBRIVOX * 2]
    pause = bytes(RATE)
    heard = moonshine.transcribe(pause.join(one.pcm for one in clips))
    assert agreement(" ".join(one.text for one in clips), spelt(heard)) >= 0.9


@pytest.mark.models
def test_an_odd_byte_at_the_end_is_left_out(
    moonshine: Moonshine, clip: Callable[[str], Any]
) -> None:
    pcm = clip("goforward").pcm
    assert moonshine.transcribe(pcm + b"\x01") == moonshine.transcribe(pcm)


@pytest.mark.models
def test_stopping_ends_it_within_a_token(moonshine: Moonshine, clip: Callable[[str], Any]) -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    assert moonshine.transcribe(clip("sense_and_sensibility_0870").pcm, stop) == ""
    assert asked <= 6


@pytest.mark.models
def test_threads_share_one_model(moonshine: Moonshine, clip: Callable[[str], Any]) -> None:
    clips = [clip(name) for name in ("cards_003", "goforward", "sense_and_sensibility_0930")] * 2
    alone = [moonshine.transcribe(one.pcm) for one in clips]
    before = threading.active_count()
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda one: moonshine.transcribe(one.pcm), clips)) == alone
        assert threading.active_count() <= before + 3  # onnxruntime adds none of its own


def test_a_folder_without_a_model_says_how_to_mend_it(tmp_path: Path) -> None:
    with pytest.raises(AssistantError, match="trunkline prepare --force"):
        Moonshine.of_files(tmp_path)
