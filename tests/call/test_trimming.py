"""Any order of speech, silence and dead lines through the gate; the map back to call time; what
the call makes of both.
"""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from audio.pcm import silence
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.effects import ClearInput, Commit
from gateway.call.plan import FRAME_US, Plan
from gateway.call.turns import Sign
from gateway.call.written import WrittenMap
from tests.call.gate import DETECTORS, Gate
from tests.call.story import Story, plan

# ---------------------------------------------------------------- any order of things

STRETCHES = st.lists(
    st.one_of(
        st.tuples(st.just("speech"), st.integers(1, 60)),
        st.tuples(st.just("quiet"), st.integers(1, 120)),
        st.tuples(st.just("dead"), st.integers(1, 3_000_000)),
        st.tuples(st.just("heard start"), st.just(0)),
        st.tuples(st.just("heard end"), st.just(0)),
    ),
    max_size=25,
)


def play(gate: Gate, stretches: list[tuple[str, int]]) -> None:
    for kind, length in stretches:
        match kind:
            case "speech":
                gate.speech(length * 20)
            case "quiet":
                gate.quiet(length * 20)
            case "dead":
                gate.let_pass(length)
            case "heard start":
                gate.turns.model_heard_start(gate.turns.written.total)
            case "heard end":
                gate.turns.model_heard_end(gate.turns.written.total)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(DETECTORS), STRETCHES)
def test_whatever_is_sent_leads_back_to_when_it_was_spoken(
    detector: str, stretches: list[tuple[str, int]]
) -> None:
    gate = Gate(plan(detector=detector))
    play(gate, stretches)
    written = gate.turns.written
    for number, before, length in gate.sent:
        if number:
            for sample in (0, length // 2, length - 1):
                spoken = gate.ended[number] - FRAME_US + sample * FRAME_US // length
                assert abs(written.call_time(before + sample) - spoken) <= FRAME_US


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(DETECTORS), STRETCHES)
def test_speech_is_sent_once_in_order_and_without_a_hole(
    detector: str, stretches: list[tuple[str, int]]
) -> None:
    if detector == "gateway":  # there the model detects nothing
        stretches = [one for one in stretches if not one[0].startswith("heard")]
    gate = Gate(plan(detector=detector))
    spoken: list[range] = []  # frames voiced in a row
    for stretch in stretches:
        before = gate.count
        play(gate, [stretch])
        if stretch[0] == "speech":
            spoken.append(range(before + 1, gate.count + 1))
    frames = [number for number in gate.frames() if number]
    assert frames == sorted(set(frames))
    sent = set(frames)
    assert all(sent.issuperset(run) for run in spoken if len(run) >= 3)


@settings(max_examples=150, deadline=None)
@given(STRETCHES)
def test_every_turn_of_the_gateway_ends_once_and_is_committed_or_forgotten(
    stretches: list[tuple[str, int]],
) -> None:
    gate = Gate()
    play(gate, [one for one in stretches if not one[0].startswith("heard")])
    gate.let_pass(1_000_000)
    assert not gate.turns.open
    assert gate.turns.deadline is None
    ends = [what for what in gate.said() if what is not Sign.INTERRUPTED]
    while ends:
        began, order, sign, *ends = ends
        assert began is Sign.BEGAN
        assert (order, sign) in [(Commit(), Sign.ENDED), (ClearInput(), Sign.DISCARDED)]


# ---------------------------------------------------------------- the map alone


def test_a_gap_between_two_turns_is_jumped_over() -> None:
    written = WrittenMap(Plan())
    written.add(24_000, 1_500_000)  # spoken from 0.5 to 1.5 s
    written.add(24_000, 9_000_000)  # and from 8 to 9 s
    assert written.call_time(12_000) == 1_000_000
    assert written.call_time(23_999) == pytest.approx(1_500_000, abs=50)
    assert written.call_time(24_000) == 8_000_000
    assert written.call_time(48_000) == 9_000_000


def test_before_anything_was_written_the_map_begins_with_the_call() -> None:
    assert WrittenMap(Plan()).call_time(1000) == 0


# ---------------------------------------------------------------- what the call makes of it


def speaks_to_a_model(detector: str) -> Story:
    """A second of the room, then speech, in a call whose model detects turns."""
    story = Story(plan(detector=detector))
    story.silent(1000)
    story.speaks(600)
    return story


@pytest.mark.parametrize("detector", ["server", "semantic"])
def test_speech_that_the_model_heard_began_when_it_was_spoken(detector: str) -> None:
    story = speaks_to_a_model(detector)
    story.feed(on.SpeechStarted("item_1", 0))
    story.silent(5000)
    story.speaks(600)
    story.feed(on.SpeechStarted("item_2", story.samples(do.SendAudio) - (300 + 600) * 24))
    for item in ("item_1", "item_2"):
        story.feed(on.CallerWords(item, "Hello.", final=True))
    began = {item: line.at for item, line in story.lines().items()}
    assert began == {"item_1": 1_000_000, "item_2": 6_600_000}


@pytest.mark.parametrize(("detector", "silence_ms"), [("server", 500), ("semantic", 400)])
def test_latency_counts_from_the_end_of_speech(detector: str, silence_ms: int) -> None:
    story = speaks_to_a_model(detector)
    story.feed(on.SpeechStarted("item_1", 0))
    story.silent(silence_ms)
    story.feed(on.SpeechStopped("item_1", story.samples(do.SendAudio)))
    story.wait(100)
    story.answers(500)
    assert story.all(do.ShowSavings)
    (latency,) = story.all(do.ShowLatency)
    assert latency.voice_to_voice == (silence_ms + 100) * 1000


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_turn_ends_even_if_something_else_happens_at_that_very_moment(detector: str) -> None:
    story = Story(plan(detector=detector), reports=True)
    story.speaks(600)
    sent = story.samples(do.SendAudio)
    deadline = story.call.deadline
    assert deadline is not None
    story.now = deadline
    story.feed(on.CallerPlayed("item_of_old", 0, 0))
    assert bool(story.all(do.Commit)) == (detector == "gateway")
    assert (story.samples(do.SendAudio) > sent) == (detector != "gateway")


def test_a_model_that_misses_the_end_of_speech_does_not_hold_up_the_call() -> None:
    story = speaks_to_a_model("server")
    story.feed(on.SpeechStarted("item_1", 0))
    assert story.state() == "hearing"
    story.silent(2000)
    assert story.state() == "listening"


@pytest.mark.parametrize("detector", DETECTORS)
def test_what_was_trimmed_is_counted(detector: str) -> None:
    story = speaks_to_a_model(detector)
    story.silent(8400)
    story.feed(on.CallerLeft("hung up"))
    saved = story.all(do.ShowSavings)[-1]
    kept = {"gateway": 200, "server": 800, "semantic": 4300}[detector]
    assert saved.heard == 10_000 * 24
    assert saved.sent == story.samples(do.SendAudio) == (300 + 600 + kept) * 24
    assert saved.bytes_saved == (saved.heard - saved.sent) * 2 * 4 // 3
    # Where the model detects turns, silence between them is not billed: nothing is saved there.
    assert saved.tokens_saved == ((10_000 - 1100) // 100 if detector == "gateway" else 0)


@pytest.mark.parametrize("barge_in", [60, 80, 100, 120])
def test_the_gateway_stops_the_assistant_within_the_time_that_was_set(barge_in: int) -> None:
    story = Story(plan(barge_in=barge_in * 1000))
    story.says(1000)
    story.answers(5000)
    story.silent(1000)
    began = story.now
    story.speaks(400)
    assert story.times(do.Flush) == [began / 1000 + barge_in]


@pytest.mark.parametrize("detector", ["server", "semantic"])
def test_only_the_model_interrupts_where_it_detects_turns(detector: str) -> None:
    story = speaks_to_a_model(detector)
    story.feed(on.SpeechStarted("item_1", 0))
    story.silent(600)
    story.feed(on.SpeechStopped("item_1", story.samples(do.SendAudio)))
    story.answers(5000)
    story.silent(500)
    story.speaks(400)
    assert not story.all(do.Flush)
    story.feed(on.SpeechStarted("item_2", story.samples(do.SendAudio) - 24 * 700))
    assert len(story.all(do.Flush)) == 1


def test_audio_that_comes_in_large_pieces_is_mapped_all_the_same() -> None:
    written = WrittenMap(Plan())
    pieces = [(number // 5 + 1) * 5 * FRAME_US for number in range(100)]
    for arrived in pieces:
        written.add(480, arrived)
    for number in range(100):
        spoken = number * FRAME_US
        assert abs(written.call_time(number * 480) - spoken) <= 5 * FRAME_US


def test_frames_of_a_telephone_are_mapped_as_those_of_a_browser() -> None:
    story = Story(Plan(rate=8_000, turns=plan(detector="server").turns))
    story.silent(1000)
    story.speaks(600)
    story.feed(on.SpeechStarted("item_1", 0))
    story.feed(on.CallerAudio(silence(160), voiced=False))
    story.feed(on.CallerWords("item_1", "Hello.", final=True))
    assert story.lines()["item_1"].at == 1_000_000
