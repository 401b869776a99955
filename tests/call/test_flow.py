"""While sound goes on as it did, settling it alone gives what settling everything would give."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.call import events as on
from gateway.call.effects import Effect, Play
from gateway.call.events import Event
from gateway.call.machine import Call
from gateway.call.plan import FRAME_US, Plan, PlaybackPolicy, RecoveryPolicy
from tests.call.everybody import Everybody

SLICE = b"\x01" * 1_600  # 200 ms
PIECES = (SLICE, SLICE[:100])  # the last is less than a frame
PLAN = Plan(
    rate=8_000,
    encoding="pcmu",
    playback=PlaybackPolicy(lead=600_000, grain=200_000),
    recovery=RecoveryPolicy(patience=20_000_000),
    hold_notice=SLICE,
)
ITEMS = ("one", "two")

events = st.one_of(
    st.builds(on.AssistantAudio, st.just("r"), st.sampled_from(ITEMS), st.sampled_from(PIECES)),
    st.builds(on.AssistantWords, st.just("r"), st.sampled_from(ITEMS), st.just("word ")),
    st.builds(on.ItemEnded, st.just("r"), st.sampled_from(ITEMS)),
    st.sampled_from((on.ResponseStarted("r"), on.ResponseEnded("r", "completed"))),
    st.builds(on.CallerAudio, st.just(b"\xff" * 160), st.booleans()),
    st.just(on.CallerText("Go on.")),
    st.builds(on.TurnCommitted, st.just("said")),
    st.builds(on.CallerWords, st.just("said"), st.just("Well"), st.booleans()),
    st.just("heard"),  # the oldest mark comes back
)
steps = st.lists(st.tuples(st.sampled_from((0, 20_000, 60_000, 400_000)), events), max_size=80)


class Line:
    """A call and the marks of its caller; ticks come when they are asked for."""

    def __init__(self, call: Call, reports: bool) -> None:
        self.call = call
        self.seen: list[tuple[int, Effect]] = []
        self._marks: list[on.CallerPlayed] = []
        for event in (on.CallerJoined(reports_playback=reports), on.AssistantReady()):
            self._take(event, 0)

    def step(self, event: Event | str, now: int) -> None:
        while (due := self.call.deadline) is not None and due <= now:
            self._take(on.Tick(), due)
        if isinstance(event, on.FromCaller | on.FromAssistant):
            self._take(event, now)
        elif self._marks:
            self._take(self._marks.pop(0), now)

    def _take(self, event: Event, now: int) -> None:
        for effect in self.call.handle(event, now):
            self.seen.append((now, effect))
            if isinstance(effect, Play):
                end = effect.position + len(effect.pcm)
                self._marks.append(on.CallerPlayed(effect.item_id, end, effect.generation))


@settings(max_examples=80, deadline=None)
@given(steps=steps, reports=st.booleans(), notice=st.booleans(), framed=st.booleans())
def test_what_flows_is_settled_as_all_else_would_be(
    steps: list[tuple[int, Event | str]], reports: bool, notice: bool, framed: bool
) -> None:
    plan = PLAN if notice else replace(PLAN, hold_notice=b"")
    if framed:
        plan = replace(plan, playback=replace(plan.playback, frame=FRAME_US))
    lines = [Line(Call(plan), reports), Line(Everybody(plan), reports)]
    now = 0
    for passed, event in steps:
        now += passed
        for line in lines:
            line.step(event, now)
        assert lines[0].seen == lines[1].seen
    for line in lines:
        line.step("nothing", now + 30_000_000)
    assert lines[0].seen == lines[1].seen
