"""The input buffer: the same audio means the same turns, however it was cut."""

from __future__ import annotations

import copy
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio import g711
from audio.detection import detector
from audio.resample import convert
from gateway.embedded.input import InputBuffer
from gateway.embedded.turns import Stopped, TurnEndByWords
from gateway.protocol import sessions
from gateway.protocol.wire import Json, Refused

SAMPLE = Path(__file__).parents[2] / "samples/audio/commands/where_is_my_order_no_number.wav"


class Recorder:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.heard = b""
        self.cancelled = False
        self.so_far = ""

    def hear(self, pcm: bytes) -> None:
        self.heard += pcm

    async def finish(self) -> str:
        return ""

    def cancel(self) -> None:
        self.cancelled = True


def buffer(listeners: list[Recorder], **hearing: Any) -> InputBuffer:
    def listen(on_words: object, partials: bool) -> Recorder:
        listeners.append(Recorder())
        return listeners[-1]

    made = InputBuffer(listen, lambda: detector(16_000, second_opinion=False), TurnEndByWords())
    made.configure(settings_of(**hearing))
    return made


def settings_of(**hearing: Any) -> Json:
    session = sessions.new_session("realtime", "sess_1", "m", 1)
    return copy.deepcopy(session["audio"]["input"]) | hearing


@pytest.fixture(scope="module")
def speech() -> bytes:
    data, rate = soundfile.read(SAMPLE, dtype="int16")
    once = bytes(48 * 400) + convert(data.tobytes(), rate, 24_000) + bytes(48 * 700)
    return once * 2


def turns(made: InputBuffer, pieces: list[bytes]) -> list[Any]:
    found: list[Any] = []
    for piece in pieces:
        for signal in made.append(piece):
            found.append(signal)
            if isinstance(signal, Stopped):
                turn = made.take(signal.at, short=True)
                found.append((turn.start, turn.end, turn.sound.data))
    return found


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(cuts=st.lists(st.integers(1, 200_000), max_size=30))
def test_how_audio_is_cut_changes_nothing(speech: bytes, cuts: list[int]) -> None:
    whole: list[Recorder] = []
    pieces: list[Recorder] = []
    expected = turns(buffer(whole), [speech])
    edges = sorted({0, len(speech), *(cut % len(speech) for cut in cuts)})
    cut_up = [speech[a:b] for a, b in pairwise(edges)]
    assert turns(buffer(pieces), cut_up) == expected
    assert [r.heard for r in pieces] == [r.heard for r in whole]
    assert len(expected) == 6
    for start, end, data in (expected[2], expected[5]):
        assert data == speech[start * 48 : end * 48]


def test_a_listener_hears_what_becomes_the_item(speech: bytes) -> None:
    heard: list[Recorder] = []
    found = turns(buffer(heard), [speech])
    for recorder, (start, end, _) in zip(heard, (found[2], found[5]), strict=True):
        assert abs(len(recorder.heard) / 32 - (end - start)) <= 20


def test_telephone_audio_has_turns_at_the_same_times(speech: bytes) -> None:
    wide = turns(buffer([]), [speech])
    narrow = g711.ulaw_encode(convert(speech, 24_000, 8_000))
    found = turns(buffer([], format={"type": "audio/pcmu"}), [narrow])
    for a, b in zip(wide, found, strict=True):
        if not isinstance(a, tuple):
            assert abs(a.at - b.at) <= 60


def test_without_detection_everything_is_kept_until_it_is_committed(speech: bytes) -> None:
    heard: list[Recorder] = []
    made = buffer(heard, turn_detection=None)
    assert list(made.append(speech[:-1])) == []
    assert list(made.append(speech[-1:])) == []
    turn = made.take()
    assert turn.sound.data == speech
    assert (turn.start, turn.end) == (0, len(speech) // 48)
    assert abs(len(heard[0].heard) - len(speech) * 2 // 3) < 200
    with pytest.raises(Refused, match=r"0\.00ms"):
        made.take()
    list(made.append(speech))
    made.clear()
    assert heard[1].cancelled
    list(made.append(bytes(9600)))
    later = made.take()
    assert (later.start, later.end) == (2 * len(speech) // 48, 2 * len(speech) // 48 + 200)


def test_silence_for_ever_takes_no_more_than_half_a_minute() -> None:
    made = buffer([])
    for _ in range(60):
        assert list(made.append(bytes(48_000))) == []
    turn = made.take()
    assert 30_000 <= turn.sound.ms <= 32_000
    assert turn.end == 60_000


def test_more_than_ten_minutes_without_a_commit_are_refused() -> None:
    made = buffer([], turn_detection=None, format={"type": "audio/pcmu"})
    list(made.append(b"\xff" * 8 * 599_000))
    with pytest.raises(Refused, match="Commit or clear it") as refused:
        list(made.append(b"\xff" * 8 * 2_000))
    assert refused.value.code == "buffer_size_exceeded"
    made.clear()
    list(made.append(b"\xff" * 8 * 2_000))


def test_half_a_sample_at_the_end_of_a_turn_does_not_spoil_the_next(speech: bytes) -> None:
    heard: list[Recorder] = []
    made = buffer(heard, turn_detection=None)
    for _ in range(2):
        list(made.append(speech + b"\x01"))
        made.take()
    first, second = (recorder.heard for recorder in heard)
    assert abs(len(first) - len(second)) < 200
    assert first[-6400:-640] in second


def test_a_change_of_format_starts_afresh(speech: bytes) -> None:
    heard: list[Recorder] = []
    made = buffer(heard)
    assert list(made.append(speech[: len(speech) // 4]))
    assert made.speaking
    made.configure(settings_of(format={"type": "audio/pcma"}))
    assert not made.speaking
    assert heard[0].cancelled
    assert made.position == len(speech) // 4 // 48
