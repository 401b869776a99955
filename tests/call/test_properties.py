"""Any order of events whatever keeps the promises that the core makes."""

from __future__ import annotations

from collections import Counter

import hypothesis.strategies as st
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from audio.pcm import silence
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.effects import Effect
from gateway.call.events import Event
from gateway.call.machine import Call
from gateway.call.plan import Plan, ToolSpec
from gateway.call.responses import START_LIMIT_US, STOP_LIMIT_US
from tests.call.everybody import Everybody

RATE = 24_000
FRAME = silence(RATE // 50)


TOOLS = (
    ToolSpec("plain", "", {}),
    ToolSpec("drop", "", {}, late="drop"),
    ToolSpec("confirm", "", {}, confirm=True),
)
NAMES = ("plain", "unknown", "drop", "plain", "confirm", "cancel_task")
PLAN = Plan(tools=TOOLS)


class AnyCall(RuleBasedStateMachine):
    """A caller and a model that do as they please; the model keeps to its own protocol."""

    def __init__(self) -> None:
        super().__init__()
        self.call = Call(PLAN)
        self.history: list[tuple[int, Event]] = []
        self.effects: list[Effect] = []
        self.now = 0
        self.count = 0
        self.active = ""  # the answer that the model is making
        self.asked = 0  # requests that the model has not answered yet
        self.asked_at = 0
        self.cancelled: set[str] = set()
        self.cancelled_at = 0
        self.item = ""
        self.received: Counter[str] = Counter()  # samples per item
        self.sent: Counter[str] = Counter()
        self.reported: Counter[str] = Counter()
        self.generation = 0
        self.count_words = 0
        self.open_calls: set[str] = set()
        self.runs: set[str] = set()
        self.outputs: Counter[str] = Counter()
        self.final: dict[str, bool] = {}  # lines of the assistant
        self.reports = False

    def feed(self, event: Event) -> None:
        if self.call.ended:
            assert self.call.handle(event, self.now) == []
            return
        self.history.append((self.now, event))
        for effect in self.call.handle(event, self.now):
            self.effects.append(effect)
            self.check(effect)

    def check(self, effect: Effect) -> None:
        match effect:
            case do.Respond():
                self.forget_what_is_overdue()
                assert not self.active, "an answer was asked for while one was being made"
                assert self.asked == 0, "an answer was asked for twice"
                self.asked += 1
                self.asked_at = self.now
            case do.Cancel(response_id):
                assert response_id == self.active
                self.cancelled.add(response_id or f"resp_{self.count + 1}")
                self.cancelled_at = self.now
            case do.Play(item_id, pcm, position, generation):
                assert generation == self.generation
                assert position == self.sent[item_id]
                self.sent[item_id] += len(pcm) // 2
                assert self.sent[item_id] <= self.received[item_id]
            case do.Flush(generation):
                assert generation == self.generation + 1
                self.generation = generation
            case do.ShowWords(item_id, "assistant", final=final):
                assert not self.final.get(item_id), "a line goes on that was final"
                self.final[item_id] = final
            case do.End():
                assert all(self.final.values()), "a line was never final"
            case do.Truncate(item_id, heard):
                assert 0 < heard <= self.sent[item_id] <= self.received[item_id]
                assert heard >= self.reported[item_id]
            case do.Delete(item_id):
                assert self.reported[item_id] < RATE // 1000
            case do.SendToolOutput(call_id):
                self.outputs[call_id] += 1
                assert self.outputs[call_id] == 1
            case do.RunTool(call_id):
                assert call_id not in self.runs, "a call was run twice"
                self.runs.add(call_id)
                self.open_calls.add(call_id)
            case do.CancelTool(call_id):
                self.open_calls.discard(call_id)

    def forget_what_is_overdue(self) -> None:
        """The core gives up a model that does not keep to its protocol; so does this one."""
        if self.asked and self.now - self.asked_at >= START_LIMIT_US:
            self.asked = 0
        if (self.active in self.cancelled or self.asked) and (
            self.cancelled and self.now - self.cancelled_at >= STOP_LIMIT_US
        ):
            self.active, self.asked = "", 0

    # ------------------------------------------------------------ the caller

    @precondition(lambda self: not self.history)
    @rule(reports=st.booleans(), first=st.booleans())
    def connect(self, reports: bool, first: bool) -> None:
        self.reports = reports
        pair: list[Event] = [on.CallerJoined(reports_playback=reports), on.AssistantReady()]
        for event in pair if first else reversed(pair):
            self.feed(event)

    @rule(voiced=st.lists(st.booleans(), min_size=1, max_size=30))
    def speak(self, voiced: list[bool]) -> None:
        for one in voiced:
            self.pass_time(20_000)
            self.feed(on.CallerAudio(FRAME, one))

    @rule(frames=st.integers(5, 40))
    def talk(self, frames: int) -> None:
        self.speak([True] * frames)

    @rule(frames=st.integers(5, 40))
    def fall_silent(self, frames: int) -> None:
        self.speak([False] * frames)

    @rule(us=st.integers(1, 3_000_000))
    def pass_time(self, us: int) -> None:
        until = self.now + us
        rings = 0
        while (deadline := self.call.deadline) is not None and deadline <= until:
            assert deadline > self.now, "it would ring for ever"
            self.now = deadline
            self.feed(on.Tick())
            rings += 1
            assert rings < us // 1000 + 50
        self.now = until

    @rule(text=st.sampled_from(["hello", " "]))
    def write(self, text: str) -> None:
        self.feed(on.CallerText(text))

    @rule(digit=st.sampled_from("059#*x"))
    def press(self, digit: str) -> None:
        self.feed(on.CallerDigit(digit))

    @precondition(lambda self: self.reports and self.item)
    @rule(share=st.floats(0, 1.5), stale=st.booleans())
    def report(self, share: float, stale: bool) -> None:
        samples = int(self.sent[self.item] * share)
        generation = self.generation - 1 if stale else self.generation
        if not stale and self.sent[self.item]:
            reported = min(samples, self.sent[self.item])
            self.reported[self.item] = max(reported, self.reported[self.item])
        self.feed(on.CallerPlayed(self.item, samples, generation))

    # ------------------------------------------------------------ the model

    @precondition(lambda self: self.asked and not self.active)
    @rule()
    def begin(self) -> None:
        self.count += 1
        self.asked -= 1
        self.active = f"resp_{self.count}"
        self.feed(on.ResponseStarted(self.active))

    @precondition(lambda self: self.active)
    @rule(samples=st.integers(0, RATE * 2), words=st.booleans())
    def say(self, samples: int, words: bool) -> None:
        if not self.item.startswith(self.active):
            self.item = f"{self.active}_item_0"
        if words:
            self.feed(on.AssistantWords(self.active, self.item, "some words "))
        if self.active not in self.cancelled:
            self.received[self.item] += samples
        self.feed(on.AssistantAudio(self.active, self.item, silence(samples)))

    @precondition(lambda self: self.active and self.item.startswith(self.active))
    @rule()
    def next_item(self) -> None:
        self.feed(on.ItemEnded(self.active, self.item))
        head, _, number = self.item.rpartition("_")
        self.item = f"{head}_{int(number) + 1}"

    @precondition(lambda self: self.active)
    @rule(
        status=st.sampled_from(["completed", "failed", "incomplete", "cancelled"]),
        calls=st.integers(0, 2),
    )
    def end(self, status: on.ResponseStatus, calls: int) -> None:
        ended, self.active = self.active, ""
        named = [(f"{ended}_call_{n}", NAMES[(self.count + n) % len(NAMES)]) for n in range(calls)]
        made = tuple(on.ToolCall(call_id, name, "{}") for call_id, name in named)
        self.feed(on.ResponseEnded(ended, status, "", made))

    @precondition(lambda self: self.open_calls)
    @rule(failed=st.booleans(), twice=st.booleans())
    def finish_tool(self, failed: bool, twice: bool) -> None:
        call_id = min(self.open_calls)
        self.open_calls.discard(call_id)
        for _ in range(1 + twice):
            self.feed(on.ToolFinished(call_id, "done", failed))

    @precondition(lambda self: self.open_calls)
    @rule(progress=st.booleans())
    def report_progress(self, progress: bool) -> None:
        self.feed(on.ToolSaid(min(self.open_calls), "half done", progress))

    @rule(text=st.sampled_from(["yes", "no", ""]))
    def recognise(self, text: str) -> None:
        self.count_words += 1
        item = f"heard_{self.count_words}"
        self.feed(on.TurnCommitted(item))
        self.feed(on.CallerWords(item, text[:2], final=False))
        self.feed(on.CallerWords(item, text, final=True))

    @precondition(lambda self: self.asked)
    @rule(active=st.booleans())
    def refuse(self, active: bool) -> None:
        self.asked -= 1
        code = "conversation_already_has_active_response" if active else "invalid_value"
        self.feed(on.AssistantRefused(code, "no", "response.create-1"))

    # ------------------------------------------------------------ the gateway

    @rule(samples=st.integers(0, RATE))
    def announce(self, samples: int) -> None:
        self.count_words += 1
        name = f"own_{self.count_words}"
        self.received[name] = samples
        self.feed(on.SoundOrdered(name, silence(samples)))

    @rule(fails=st.booleans())
    def put_through(self, fails: bool) -> None:
        self.feed(on.TransferFailed("desk", "busy") if fails else on.TransferOrdered("desk"))

    # ------------------------------------------------------------ the end

    @precondition(lambda self: len(self.history) > 60)
    @rule(how=st.integers(0, 3))
    def leave(self, how: int) -> None:
        self.feed(
            (
                on.CallerLeft("gone"),
                on.AssistantLost("gone"),
                on.HangUpOrdered("over"),
                on.HangUpOrdered("over", when_quiet=False),
            )[how]
        )

    @invariant()
    def the_deadline_lies_ahead(self) -> None:
        deadline = self.call.deadline
        assert deadline is None or deadline > self.now

    def teardown(self) -> None:
        """The same events at the same times give the same effects, whoever is asked."""
        again = Everybody(PLAN)
        repeated = [e for at, event in self.history for e in again.handle(event, at)]
        assert repeated == self.effects


AnyCall.TestCase.settings = settings(
    max_examples=250,
    stateful_step_count=60,
    phases=[Phase.generate],
)
test_any_call_keeps_its_promises = AnyCall.TestCase
