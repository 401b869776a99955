"""The ear: sound is told of in one piece where that makes no difference, and nothing is late."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.effects import Effect
from gateway.call.events import CallerAudio, Event
from gateway.call.machine import Call
from gateway.call.outgoing import joined
from gateway.call.plan import FRAME_US, Plan
from gateway.call.turns import LULL
from gateway.call.written import WrittenMap
from gateway.ear import SECOND, Ear

FRAME = 320  # bytes
VOICED, SILENT = b"\x01", b"\x00"
CALL = on.ToolCall("call_1", "look", "{}")
EVENTS: dict[str, Event] = {
    "digit": on.CallerDigit("1"),
    "begins": on.ResponseStarted("resp_1"),
    "voice": on.AssistantAudio("resp_1", "item_1", bytes(8_000)),
    "words": on.AssistantWords("resp_1", "item_1", "Good morning. "),
    "said": on.ItemEnded("resp_1", "item_1"),
    "played": on.CallerPlayed("item_1", 2_000, 0),
    "ends": on.ResponseEnded("resp_1", "completed"),
    "goodbye": on.HangUpOrdered("all is said", when_quiet=True),
    "calls": on.ResponseEnded("resp_1", "completed", "", (CALL,)),
    "tool": on.ToolFinished("call_1", "done"),
    "heard": on.SpeechStarted("item_2", 4_000),
    "over": on.SpeechStopped("item_2", 8_000),
    "lost": on.AssistantLost("gone", "closed"),
}


class Marked:
    """A detector that goes by the first byte of a frame."""

    def voiced(self, frame: bytes) -> bool:
        return frame[:1] == VOICED


@dataclass
class Line:
    """A call that is told of its caller's sound by an ear, or without one frame by frame."""

    plan: Plan
    alone: bool = False
    now: int = 0
    count: int = 0
    log: list[tuple[int, Effect]] = field(default_factory=list)  # what was carried out, and when
    orders: list[Effect] = field(default_factory=list)
    told: list[tuple[int, int, bool]] = field(default_factory=list)  # when, how many frames, voiced

    def __post_init__(self) -> None:
        self.call = Call(self.plan)
        self.rings: int | None = None  # one timer, as a session has
        self.ear = Ear(self.plan, Marked(), self.call.stillness, self.told_of, self.send)
        self.feed(on.CallerJoined())
        self.feed(on.AssistantReady("sess_1", "model"))

    def told_of(self, event: Event, at: float, sent: bool) -> None:
        self.tell(event, round(at * SECOND), sent)

    def tell(self, event: Event, now: int, sent: bool = False) -> None:
        if isinstance(event, CallerAudio):
            self.told.append((now, len(event.pcm) // FRAME, event.voiced))
        orders = self.call.handle(event, now)
        assert not sent or orders[:1] == [do.SendAudio(event.pcm)], "what was sent, and no more"
        self.orders += orders
        self.log += [(now, effect) for effect in orders[1 if sent else 0 :]]
        if self.call.sooner:
            self.arm()

    def arm(self) -> None:
        deadline = self.call.deadline
        if deadline is None or self.rings is None or deadline < self.rings:
            self.rings = deadline

    def due(self) -> int | None:
        """When something is due; with an ear when it is known to be, or may be."""
        return self.call.deadline if self.alone else self.rings

    def send(self, frame: bytes) -> None:
        self.log.append((self.now, do.SendAudio(frame)))

    def feed(self, event: Event) -> None:
        if self.call.ended:
            return
        if self.ear.untold and self.call.stillness.breaks(event, self.now):
            self.ear.tell()
        self.tell(event, self.now)

    def frames(self, kind: bytes, count: int) -> None:
        for _ in range(count):
            self.wait(FRAME_US)
            if self.call.ended:
                return
            self.count += 1
            pcm = kind + self.count.to_bytes(3, "little") + bytes(FRAME - 4)
            if self.alone:
                self.tell(CallerAudio(pcm, kind == VOICED), self.now)
            else:
                assert self.ear.hear(pcm, self.now / SECOND)

    def wait(self, microseconds: int) -> None:
        until = self.now + microseconds
        while (due := self.due()) is not None and due < until:
            self.now, self.rings = max(due, self.now), None
            if (deadline := self.call.deadline) is not None and deadline <= self.now:
                self.feed(on.Tick())
            if self.rings is None:
                self.arm()
        self.now = until


def plan(**turns: object) -> Plan:
    base = Plan(rate=8_000)
    return replace(base, turns=replace(base.turns, **turns))  # type: ignore[arg-type]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["speech", "quiet"]), st.integers(1, 40)),
        st.tuples(st.just("dead"), st.integers(1, 240)),
        st.tuples(st.sampled_from(sorted(EVENTS)), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    steps=STEPS,
    detector=st.sampled_from(["gateway", "gateway", "server", "semantic", "manual"]),
    hang_over=st.sampled_from([100_000, 360_000, 710_000]),
    longest=st.sampled_from([900_000, 60_000_000]),
)
def test_a_call_does_the_same_at_the_same_times_as_frame_by_frame(
    steps: list[tuple[str, int]], detector: str, hang_over: int, longest: int
) -> None:
    policy = plan(detector=detector, hang_over=hang_over, longest=longest)
    lines = [Line(policy), Line(policy, alone=True)]
    for line in lines:
        for step, length in steps:
            match step:
                case "speech":
                    line.frames(VOICED, length)
                case "quiet":
                    line.frames(SILENT, length)
                case "dead":
                    line.wait(length * FRAME_US // 4)
                case event:
                    line.feed(EVENTS[event])
        line.feed(on.CallerLeft("over"))
    assert lines[0].log == lines[1].log
    assert joined(lines[0].orders) == joined(lines[1].orders)
    heard = [sum(frames for _, frames, _ in line.told) for line in lines]
    assert heard[0] == heard[1]
    for line in lines:
        kept = line.call._hearing
        assert kept.savings.heard * 2 == sum(frames for _, frames, _ in line.told) * FRAME


@pytest.mark.parametrize("detector", ["gateway", "server", "semantic"])
@pytest.mark.parametrize("voiced", [3, 4, 12])
def test_a_line_that_goes_dead_within_speech_is_noticed_in_time(detector: str, voiced: int) -> None:
    lines = [Line(plan(detector=detector)), Line(plan(detector=detector), alone=True)]
    for line in lines:
        line.frames(SILENT, 30)
        line.frames(VOICED, voiced)
        line.wait(6_000_000)
    assert lines[0].log == lines[1].log
    assert not lines[0].call._hearing.turns.open


@pytest.mark.parametrize("detector", ["gateway", "server"])
def test_where_speech_lies_and_what_another_session_hears_is_as_frame_by_frame(
    detector: str,
) -> None:
    lines = [Line(plan(detector=detector)), Line(plan(detector=detector), alone=True)]
    known = []
    for line in lines:
        for silent, voiced in ((50, 40), (15, 7), (30, 60), (7, 5)):
            line.frames(SILENT, silent)
            line.frames(VOICED, voiced)
        line.feed(on.Tick())
        hearing, again = line.call._hearing, WrittenMap(line.plan)
        orders = list(hearing.unanswered.again(line.plan, again))
        places = range(0, hearing.turns.written.total, FRAME // 2)
        maps = (hearing.turns.written, again)
        known.append((orders, [[map.call_time(place) for place in places] for map in maps]))
    assert known[0] == known[1]
    assert known[0][1][0][-1] == lines[0].now - FRAME_US


def test_silence_comes_in_one_piece_while_the_gate_is_shut() -> None:
    line = Line(plan())
    line.frames(SILENT, 2 * LULL + 1)
    assert line.told == [(n * LULL * FRAME_US, LULL, False) for n in (1, 2)]


@pytest.mark.parametrize("event", ["voice", "words", "played"])
def test_the_assistants_sound_leaves_silence_in_one_piece_and_its_times_as_they_are(
    event: str,
) -> None:
    line = Line(plan())
    line.feed(EVENTS["begins"])
    for _ in range(LULL):
        line.frames(SILENT, 1)
        line.wait(7_000)
        line.feed(EVENTS[event])
    line.frames(SILENT, 1)
    line.wait(1_000)
    line.feed(EVENTS[event])
    line.feed(EVENTS["digit"])
    first = FRAME_US + (LULL - 1) * (FRAME_US + 7_000)
    assert line.told == [(first, LULL, False), (first + FRAME_US + 7_000, 1, False)]
    assert line.call._hearing.turns._frame_end == first + FRAME_US + 7_000 < line.now


def test_a_call_that_is_about_to_end_is_told_of_silence_as_it_comes() -> None:
    line = Line(plan())
    line.feed(EVENTS["begins"])
    line.feed(EVENTS["voice"])
    line.feed(EVENTS["goodbye"])
    line.frames(SILENT, 3)
    assert [frames for _, frames, _ in line.told] == [1] * 3


def test_speech_is_told_of_at_once_and_after_the_silence_before_it() -> None:
    line = Line(plan())
    line.frames(SILENT, 2)
    line.frames(VOICED, 1)
    assert line.told == [(2 * FRAME_US, 2, False), (3 * FRAME_US, 1, True)]


def test_speech_that_is_but_sent_on_is_told_of_in_one_piece_and_sent_at_once() -> None:
    line = Line(plan())
    line.frames(VOICED, 5 + 2 * LULL)
    told = [frames for _, frames, _ in line.told]
    assert told[:5] == [1] * 5, "until it interrupts"
    assert all(LULL // 2 < frames <= LULL for frames in told[5:])
    sent = [at // FRAME_US for at, effect in line.log if isinstance(effect, do.SendAudio)]
    assert sent == list(range(3, 46))


def test_the_silence_that_ends_a_turn_is_told_of_when_it_comes() -> None:
    line = Line(plan())
    line.frames(VOICED, 20)
    line.frames(SILENT, 18)
    commits = [at for at, effect in line.log if isinstance(effect, do.Commit)]
    assert commits == [20 * FRAME_US + 360_000] == [line.now]


def test_nothing_is_kept_back_of_what_a_program_commits_itself() -> None:
    line = Line(plan(detector="manual"))
    line.frames(SILENT, 7)
    assert [frames for _, frames, _ in line.told] == [1] * 7


def test_no_silence_is_made_up_for_a_dead_line() -> None:
    line = Line(plan())
    line.frames(SILENT, 2)
    line.wait(1_000_000)
    line.frames(SILENT, 1)
    assert line.told == [(2 * FRAME_US, 2, False)]


def test_a_tool_at_work_is_looked_after_with_every_frame() -> None:
    line = Line(plan())
    line.feed(EVENTS["begins"])
    line.feed(EVENTS["calls"])
    line.frames(SILENT, 3)
    assert [frames for _, frames, _ in line.told] == [1] * 3


@pytest.mark.parametrize("size", [2, 100, 320, 500, 2000])
def test_sound_of_any_length_becomes_frames(size: int) -> None:
    line = Line(plan())
    whole = (VOICED + bytes(FRAME - 1)) * 50
    for at in range(0, len(whole), size):
        line.ear.hear(whole[at : at + size], line.now / SECOND)
        line.now += size * 125 // 2
    line.feed(on.Tick())
    assert sum(frames for _, frames, _ in line.told) == 50


def test_what_no_ear_could_follow_is_dropped() -> None:
    line = Line(replace(plan(), burst=1_000_000))
    assert line.ear.hear(bytes(16_000), 0.0)
    assert not line.ear.hear(bytes(FRAME), 0.0)
    assert line.ear.hear(bytes(FRAME), 0.02)
