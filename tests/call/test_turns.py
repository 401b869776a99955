"""The gate: what it lets through, and when it says that a turn begins and ends."""

from __future__ import annotations

import pytest

from gateway.call.effects import ClearInput, Commit
from gateway.call.turns import SEMANTIC_LIMIT_US, STALLED_US, Sign
from tests.call.gate import DETECTORS, Gate
from tests.call.story import plan

# ---------------------------------------------------------------- opening


@pytest.mark.parametrize("pre_roll", [0, 20, 300, 1000])
def test_what_came_before_the_first_voiced_frame_is_sent_as_long_as_the_pre_roll(
    pre_roll: int,
) -> None:
    gate = Gate(plan(pre_roll=pre_roll * 1000))
    gate.quiet(2000)
    gate.speech(100)
    first_voiced = 101
    assert gate.frames() == list(range(first_voiced - pre_roll // 20, 106))


def test_the_gate_opens_after_three_voiced_frames() -> None:
    gate = Gate()
    gate.quiet(1000)
    gate.speech(40)
    assert gate.said() == []
    gate.frame(True)
    assert gate.said() == [Sign.BEGAN]
    assert gate.turns.began_at == gate.now - 60_000


def test_what_was_kept_back_is_sent_in_one_order_and_each_frame_keeps_its_time() -> None:
    gate = Gate()
    gate.quiet(1000)
    gate.speech(60)
    assert [until for _, until in gate.turns.sent] == [gate.ended[n] for n in range(36, 54)]
    gate.speech(600)
    gate.quiet(300)
    gate.speech(20)
    assert [until for _, until in gate.turns.sent] == [gate.ended[n] for n in range(94, 100)]


def test_single_clicks_never_add_up_to_speech() -> None:
    gate = Gate()
    for _ in range(100):
        gate.speech(40)
        gate.quiet(40)
    assert gate.sent == []


def test_stuttering_speech_opens_the_gate_all_the_same() -> None:
    gate = Gate()
    for _ in range(4):
        gate.speech(40)
        gate.quiet(20)
    assert gate.turns.open
    assert gate.frames() == list(range(1, gate.count + 1))


@pytest.mark.parametrize("detector", DETECTORS)
def test_what_lies_before_a_dead_line_is_not_sent_as_if_it_came_just_now(detector: str) -> None:
    gate = Gate(plan(detector=detector))
    gate.quiet(1000)
    gate.let_pass(5_000_000)
    gate.speech(100)
    assert gate.frames() == [51, 52, 53, 54, 55]


# ---------------------------------------------------------------- gateway: the end of a turn


def test_after_speech_only_the_tail_of_the_silence_is_sent() -> None:
    gate = Gate()
    gate.speech(600)
    gate.quiet(3000)
    assert gate.frames() == list(range(1, 30 + 10 + 1))
    assert gate.other[-2:] == [(600_000 + 360_000, Commit()), (960_000, Sign.ENDED)]


def test_silence_that_was_held_is_sent_when_the_speech_goes_on() -> None:
    gate = Gate()
    gate.speech(600)
    gate.quiet(340)
    assert gate.frames()[-1] == 40
    gate.speech(200)
    assert gate.frames() == list(range(1, gate.count + 1))
    assert Commit() not in gate.said()


def test_silence_that_was_held_at_the_end_comes_before_the_next_speech() -> None:
    gate = Gate()
    gate.speech(600)
    gate.quiet(360)
    gate.speech(200)
    assert gate.frames() == list(range(1, gate.count + 1))
    speech = [Sign.BEGAN, Sign.INTERRUPTED]
    assert gate.said() == [*speech, Commit(), Sign.ENDED, *speech]


@pytest.mark.parametrize("hang_over", [40, 200, 360, 1000])
def test_a_turn_ends_after_the_hang_over(hang_over: int) -> None:
    gate = Gate(plan(hang_over=hang_over * 1000))
    gate.speech(600)
    gate.quiet(1500)
    assert (600_000 + hang_over * 1000, Commit()) in gate.other


@pytest.mark.parametrize(("voiced", "turn"), [(140, False), (160, True)])
def test_voiced_sound_shorter_than_the_minimum_is_no_turn(voiced: int, turn: bool) -> None:
    gate = Gate()
    gate.speech(voiced)
    gate.quiet(400)
    assert gate.said()[-2:] == ([Commit(), Sign.ENDED] if turn else [ClearInput(), Sign.DISCARDED])


def test_pauses_do_not_count_towards_the_minimum() -> None:
    gate = Gate()
    gate.speech(60)
    gate.quiet(300)
    gate.speech(60)
    gate.quiet(400)
    assert gate.said()[-1] is Sign.DISCARDED


def test_a_turn_is_committed_after_the_longest_time_and_the_next_one_loses_nothing() -> None:
    gate = Gate(plan(longest=2_000_000))
    gate.speech(4500)
    assert gate.said().count(Commit()) == 2
    assert gate.frames() == list(range(1, gate.count + 1))


@pytest.mark.parametrize("detector", ["server", "semantic"])
def test_a_model_that_detects_turns_is_never_cut_off_in_speech(detector: str) -> None:
    gate = Gate(plan(detector=detector, longest=2_000_000))
    gate.speech(10_000)
    assert gate.frames() == list(range(1, gate.count + 1))
    assert gate.said() == [Sign.BEGAN, Sign.INTERRUPTED]


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_key_of_the_telephone_is_no_end_of_speech(detector: str) -> None:
    gate = Gate(plan(detector=detector, eagerness="high"))
    gate.speech(600)
    patience = gate.turns._patience // 1000
    gate.quiet(patience - 20)
    gate.turns.digit()
    gate.quiet(patience - 20)
    assert gate.turns.open
    gate.quiet(20)
    assert not gate.turns.open


@pytest.mark.parametrize(("barge_in", "after"), [(20, 60), (60, 60), (100, 100), (120, 120)])
def test_speech_interrupts_after_so_much_of_it(barge_in: int, after: int) -> None:
    gate = Gate(plan(barge_in=barge_in * 1000))
    gate.quiet(1000)
    gate.speech(500)
    assert (1_000_000 + after * 1000, Sign.INTERRUPTED) in gate.other
    assert gate.said().count(Sign.INTERRUPTED) == 1


# ---------------------------------------------------------------- the model detects turns


def test_the_server_is_sent_its_silence_and_the_margin_and_then_nothing() -> None:
    gate = Gate(plan(detector="server", silence=500_000, margin=300_000))
    gate.speech(600)
    gate.quiet(3000)
    assert gate.frames() == list(range(1, 30 + 40 + 1))
    assert Commit() not in gate.said()


@pytest.mark.parametrize(("eagerness", "limit"), SEMANTIC_LIMIT_US.items())
def test_semantic_detection_is_sent_silence_up_to_its_limit(eagerness: str, limit: int) -> None:
    gate = Gate(plan(detector="semantic", eagerness=eagerness))
    gate.speech(600)
    gate.quiet(12_000)
    assert gate.milliseconds() == 600 + limit // 1000 + 300


@pytest.mark.parametrize("detector", ["server", "semantic"])
def test_no_speech_begins_or_ends_after_what_has_come(detector: str) -> None:
    gate = Gate(plan(detector=detector))
    gate.speech(600)
    assert gate.turns.model_heard_start(1_000_000) == 600_000
    assert gate.turns.model_heard_end(1_000_000) == 600_000


@pytest.mark.parametrize("detector", ["server", "semantic"])
def test_once_the_model_has_heard_the_end_nothing_more_is_sent(detector: str) -> None:
    gate = Gate(plan(detector=detector))
    gate.speech(600)
    gate.quiet(520)
    gate.turns.model_heard_end(gate.turns.written.total)
    sent = gate.frames()
    gate.quiet(2000)
    assert gate.frames() == sent


@pytest.mark.parametrize("detector", ["server", "semantic"])
def test_speech_that_goes_on_when_the_model_hears_an_end_is_not_lost(detector: str) -> None:
    gate = Gate(plan(detector=detector))
    gate.speech(600)
    gate.turns.model_heard_end(gate.turns.written.total)
    gate.speech(600)
    assert gate.frames() == list(range(1, gate.count + 1))


@pytest.mark.parametrize("detector", ["server", "semantic"])
def test_a_model_that_takes_the_room_for_speech_is_sent_silence_in_its_place(detector: str) -> None:
    gate = Gate(plan(detector=detector, eagerness="high"))
    gate.speech(600)
    gate.turns.model_heard_start(0)
    patience = gate.turns._patience // 1000
    gate.quiet(patience)
    assert 0 not in gate.frames()
    gate.quiet(200)
    assert gate.frames()[-10:] == [0] * 10
    gate.turns.model_heard_end(gate.turns.written.total)
    assert not gate.turns.open


def test_a_model_that_never_hears_an_end_does_not_keep_the_gate_open_for_ever() -> None:
    gate = Gate(plan(detector="server"))
    gate.speech(600)
    gate.turns.model_heard_start(0)
    gate.quiet(5000)
    assert gate.milliseconds() == 600 + 2 * 800


# ---------------------------------------------------------------- the caller mutes


def test_a_caller_who_mutes_in_mid_speech_has_ended_the_turn() -> None:
    gate = Gate()
    gate.speech(600)
    gate.let_pass(2_000_000)
    assert gate.other[-2:] == [(960_000, Commit()), (960_000, Sign.ENDED)]


def test_a_caller_who_mutes_late_in_the_hang_over_is_given_a_moment_yet() -> None:
    gate = Gate()
    gate.speech(600)
    gate.quiet(340)
    gate.let_pass(2_000_000)
    assert gate.other[-1] == (940_000 + STALLED_US, Sign.ENDED)


@pytest.mark.parametrize(("detector", "silence"), [("server", 800), ("semantic", 4300)])
def test_when_the_line_goes_dead_the_model_is_sent_silence_as_time_passes(
    detector: str, silence: int
) -> None:
    gate = Gate(plan(detector=detector))
    gate.speech(600)
    gate.let_pass(500_000)
    assert gate.milliseconds() == 600 + 400
    gate.let_pass(10_000_000)
    assert 0 <= gate.milliseconds() - (600 + silence) < STALLED_US // 1000
    assert not gate.turns.open


def test_a_late_network_does_not_end_a_turn() -> None:
    gate = Gate()
    gate.speech(600)
    gate.let_pass(300_000)
    gate.speech(600)
    assert Commit() not in gate.said()
    assert gate.frames() == list(range(1, gate.count + 1))
