"""Recordings: as heard, a tone over numbers, locked or not, WAV or Opus, whole after a crash."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio.tone import sine
from gateway.call import events as on
from gateway.call.plan import Plan, PrivacyPolicy
from gateway.privacy.vault import NO_KEYS, Keys, open_source, read, read_keys
from gateway.redaction.detect import ALL, NOTHING, Policy
from gateway.taps.recording import TONE_HZ, Recording
from tests.redaction.examples import CARDS
from tests.taps.test_taps import Tapped

RATE = 24_000
KEYS = read_keys("k1:" + "A" * 43)


class Sounding(Tapped):
    """A story in which the caller sounds at 300 Hz, and the assistant at 500 Hz."""

    def __init__(self, *taps: object, plan: Plan | None = None) -> None:
        self.taps = taps
        super(Tapped, self).__init__(plan or Plan())

    def frames(self, milliseconds: int, *, voiced: bool) -> None:
        pcm = sine(300, 0.02, RATE) if voiced else bytes(RATE // 50 * 2)
        for _ in range(milliseconds // 20):
            self.wait(20)
            self.feed(on.CallerAudio(pcm, voiced))

    def voice(self, milliseconds: int, item: str = "item_a", response: str = "resp_1") -> None:
        self.feed(on.AssistantAudio(response, item, sine(500, milliseconds / 1000, RATE)))

    def turn(self, number: int, said: str, answered: str = "All right.") -> None:
        """The caller speaks for a second, the assistant answers for one; words come a bit later."""
        self.says(1000)
        self.feed(on.TurnCommitted(f"item_{number}"))
        self.silent(600)
        self.feed(on.CallerWords(f"item_{number}", said, final=True))
        self.answers(1000, answered, item=f"a{number}", response=f"resp_{number}")
        self.silent(1600)

    def close(self) -> None:
        for tap in self.taps:
            tap.close()  # type: ignore[attr-defined]


def heard(channel: np.ndarray, hz: float) -> list[float]:  # type: ignore[type-arg]
    """The tenths of a second, in seconds, in which that tone is the loudest."""
    found = []
    for at in range(0, len(channel) - RATE // 10, RATE // 10):
        piece = channel[at : at + RATE // 10].astype(float)
        if np.abs(piece).max() > 500:
            loudest = np.fft.rfftfreq(len(piece), 1 / RATE)[np.argmax(np.abs(np.fft.rfft(piece)))]
            if abs(loudest - hz) < 30:
                found.append(at / RATE)
    return found


def opened(path: Path, keys: Keys) -> tuple[np.ndarray, int]:  # type: ignore[type-arg]
    sound, rate = soundfile.read(io.BytesIO(read(path, keys)), dtype="int16")
    return sound, rate


@pytest.mark.parametrize("ending", [".wav", ".opus"])
@pytest.mark.parametrize("keys", [NO_KEYS, KEYS], ids=["plain", "locked"])
def test_a_number_is_covered_with_a_tone_and_the_rest_is_heard(
    tmp_path: Path, ending: str, keys: Keys
) -> None:
    recording = Recording(tmp_path / f"call{ending}", Plan(), ALL, keys)
    story = Sounding(recording)
    story.turn(0, "Hello there.")
    story.turn(1, f"It is {CARDS[5]}.", f"You said {CARDS[5]}.")
    story.turn(2, "Thank you.")
    story.close()
    (path,) = tmp_path.iterdir()
    if keys:
        assert b"RIFF" not in path.read_bytes()
        assert b"OggS" not in path.read_bytes()
    sound, rate = opened(path, keys)
    assert rate == RATE
    assert len(sound) == pytest.approx(story.now * 0.024, abs=RATE / 2)
    caller, assistant = sound[:, 0], sound[:, 1]
    spoken, tones = heard(caller, 300), heard(caller, TONE_HZ)
    assert not [at for at in spoken if 3.7 < at < 7]  # the second turn is from 3.6 s on
    assert [at for at in spoken if at < 3]
    assert [at for at in spoken if at > 7.5]
    assert min(tones) == pytest.approx(3.4, abs=0.4)
    assert 0.8 < len(tones) / 10 < 2.2
    assert not [at for at in heard(assistant, 500) if 5 < at < 7.4]
    assert len(heard(assistant, TONE_HZ)) >= 8


def test_a_number_in_two_turns_is_covered_in_both(tmp_path: Path) -> None:
    story = Sounding(Recording(tmp_path / "call.wav", Plan(), ALL))
    words = CARDS[5].split()
    story.turn(0, " ".join(words[:8]), "Go on.")
    story.turn(1, " ".join(words[8:]))
    story.close()
    sound, _ = opened(tmp_path / "call.wav", NO_KEYS)
    assert heard(sound[:, 0], 300) == []
    assert len(heard(sound[:, 1], 500)) > 15


def test_a_short_number_is_heard(tmp_path: Path) -> None:
    story = Sounding(Recording(tmp_path / "call.wav", Plan(), ALL))
    story.turn(0, "The order is 4217", "Is it 4217?")
    story.turn(1, "Yes.")
    story.close()
    sound, _ = opened(tmp_path / "call.wav", NO_KEYS)
    assert heard(sound[:, 0], TONE_HZ) == heard(sound[:, 1], TONE_HZ) == []


def test_nothing_is_covered_where_nothing_is_sought(tmp_path: Path) -> None:
    story = Sounding(Recording(tmp_path / "call.wav", Plan(), Policy(frozenset())))
    story.turn(0, CARDS[5])
    story.close()
    sound, _ = opened(tmp_path / "call.wav", NO_KEYS)
    assert not heard(sound[:, 0], TONE_HZ)


@pytest.mark.parametrize("keys", [NO_KEYS, KEYS], ids=["plain", "locked"])
@pytest.mark.parametrize("ending", [".wav", ".opus"])
def test_a_recording_that_nobody_closed_can_be_heard(
    tmp_path: Path, ending: str, keys: Keys
) -> None:
    story = Sounding(Recording(tmp_path / f"call{ending}", Plan(), NOTHING, keys))
    story.turn(0, "Hello.")
    story.turn(1, "Hello.")
    (path,) = tmp_path.iterdir()
    sound, _ = opened(path, keys)
    assert len(sound) > story.now * 0.024 - 3.2 * RATE
    assert open_source(path, keys).size == len(read(path, keys))
    story.close()


def test_what_the_gateway_says_itself_holds_up_nothing(tmp_path: Path) -> None:
    story = Sounding(Recording(tmp_path / "call.wav", Plan(), ALL))
    story.feed(on.SoundOrdered("notice", sine(500, 0.5, RATE)))
    story.silent(3000)
    sound, _ = opened(tmp_path / "call.wav", NO_KEYS)
    assert len(sound) > 2 * RATE, "while the call goes on"
    assert heard(sound[:, 1], 500)
    story.close()


@pytest.mark.parametrize(("words", "kept"), [("Yes, sure.", True), ("No.", False)])
def test_nothing_is_heard_of_what_was_said_before_the_caller_agreed(
    tmp_path: Path, words: str, kept: bool
) -> None:
    plan = Plan(privacy=PrivacyPolicy(recording="consent"))
    story = Sounding(Recording(tmp_path / "call.wav", plan, ALL), plan=plan)
    story.answers(1000, plan.privacy.phrase, item="question", response="resp_q")
    story.silent(1600)
    story.turn(0, words)
    story.turn(1, "My secret.")
    story.close()
    assert (tmp_path / "call.wav").exists() == kept
    if kept:
        sound, _ = opened(tmp_path / "call.wav", NO_KEYS)
        assert not [at for at in heard(sound[:, 0], 300) if at < 3.5]
        assert heard(sound[:, 0], 300)
        assert not [at for at in heard(sound[:, 1], 500) if at < 2]


def test_what_is_told_of_late_and_in_one_piece_is_heard_where_it_was(tmp_path: Path) -> None:
    places = []
    for pieces in (True, False):
        recording, untold, last, late = Recording(tmp_path / "call.wav", Plan()), b"", 0, 0
        for number in range(1, 201):
            late += 79_000 if number % 20 == 0 else 0  # not yet so late that the line was dead
            came = number * 20_000 + late
            recording.event(on.Tick(), came - 1)
            if untold and (number % 20 == 0 or not pieces):
                recording.event(on.CallerAudio(untold, False), last)
                untold = b""
            untold += number.to_bytes(2, "little") * (RATE // 50)
            last = came
        recording.event(on.CallerAudio(untold, False), last)
        recording.close()
        sound, _ = opened(tmp_path / "call.wav", NO_KEYS)
        places.append([int(np.argmax(sound[:, 0] == number)) for number in range(1, 201)])
    assert places[0] == places[1]
