"""Any order of faults of the model's side keeps what recovery promises."""

from __future__ import annotations

from collections import Counter

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from audio.pcm import silence
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.effects import Effect
from gateway.call.events import Event
from gateway.call.faults import POLICIES
from gateway.call.machine import Call
from gateway.call.plan import (
    Plan,
    RecoveryPolicy,
    RoutingPolicy,
    RoutingRule,
    ToolSpec,
    TurnPolicy,
)
from gateway.call.unanswered import KEPT_US
from tests.call.everybody import Everybody

RATE = 24_000
FRAME = silence(RATE // 50)
SECOND = 1_000_000
LIMIT = 300 * SECOND
CODES = ["", "close_1006", "ConnectionRefusedError", "session_expired", "invalid_api_key", "new"]
TOOLS = (ToolSpec("pay", "", {}), ToolSpec("ask", "", {}, confirm=True))


ROUTES = RoutingPolicy((RoutingRule(2, words="1", turns=2), RoutingRule(1, load_percent=50)))


def plan(detector: str, routes: RoutingPolicy) -> Plan:
    return Plan(
        routing=routes,
        recovery=RecoveryPolicy(assistants=2, patience=20 * SECOND),
        turns=TurnPolicy(detector=detector),  # type: ignore[arg-type]
        hold_notice=b"\1\0" * RATE,
        greeting="Greet.",
        tools=TOOLS,
    )


class AnyFaults(RuleBasedStateMachine):
    """Sessions that open, answer, fail and vanish in any order; unused ones say nothing.

    The driver of a call lets through what the session in use says, and of the others that they are
    there or gone; so does this one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.call: Call | None = None
        self.dialled: set[int] = set()  # not open yet, as far as the call knows
        self.opened: set[int] = set()  # and not in use
        self.gone: list[int] = []
        self.used = 0  # epoch of the session in use
        self.there = False  # whether it is
        self.known = 0  # epochs that were dialled
        self.count = 0
        self.active = ""
        self.asked = False
        self.runs: Counter[str] = Counter()
        self.outputs: Counter[tuple[int, str]] = Counter()
        self.reminded: Counter[tuple[str, str]] = Counter()
        self.replayed = 0  # samples that the session in use was sent at once
        self.history: list[tuple[int, Event]] = []
        self.effects: list[Effect] = []
        self.plan = plan("gateway", ROUTES)

    # ------------------------------------------------------------ the driver

    def feed(self, event: Event) -> None:
        assert self.call is not None
        self.history.append((self.now, event))
        effects = self.call.handle(event, self.now)
        self.effects += effects
        self.replayed = 0
        for effect in effects:
            self.check(effect)

    def check(self, effect: Effect) -> None:
        match effect:
            case do.Dial(assistant, epoch):
                routed = bool(self.plan.routing.rules)
                assert assistant in ((0, 1, 2) if routed else (0, 1))
                assert epoch == self.known + 1, "each session has a number of its own"
                assert routed or not self.opened, "nobody is dialled while another waits for use"
                self.known = epoch
                self.gone += sorted(self.dialled | self.opened)
                self.opened.clear()
                self.dialled = {epoch}
            case do.Use(epoch):
                assert epoch in self.opened, "only what is open is used"
                assert epoch > self.used, "and never what was used before"
                self.gone.append(self.used)
                self.opened.discard(epoch)
                self.used, self.there = epoch, True
                self.active, self.asked = "", False
                self.reminded.clear()
            case do.Respond():
                assert self.there, "nobody is asked who is not there"
                self.asked = True
            case do.Remind(role, text) if role != "system":
                self.reminded[role, text] += 1
                assert self.reminded[role, text] == 1, "history is told once"
            case do.SendAudio(pcm):
                assert self.there
                self.replayed += len(pcm) // 2
                assert self.replayed <= (KEPT_US + 2 * SECOND) // SECOND * RATE
            case do.RunTool(call_id):
                self.runs[call_id] += 1
                assert self.runs[call_id] == 1, "nothing is done twice"
            case do.SendToolOutput(call_id):
                self.outputs[self.used, call_id] += 1
                assert self.outputs[self.used, call_id] == 1

    @precondition(lambda self: self.call is None)
    @rule(
        detector=st.sampled_from(["gateway", "server"]),
        first=st.booleans(),
        routes=st.sampled_from([RoutingPolicy(), ROUTES]),
    )
    def begin_call(self, detector: str, first: bool, routes: RoutingPolicy) -> None:
        self.plan = plan(detector, routes)
        self.call = Call(self.plan)
        self.there = True
        pair: list[Event] = [on.CallerJoined(), on.AssistantReady(limit=LIMIT)]
        for event in pair if first else reversed(pair):
            self.feed(event)

    @precondition(lambda self: self.call is not None)
    @rule(us=st.one_of(st.integers(1, 3 * SECOND), st.integers(1, LIMIT // 2)))
    def pass_time(self, us: int) -> None:
        assert self.call is not None
        until, rings = self.now + us, 0
        while (deadline := self.call.deadline) is not None and deadline <= until:
            assert deadline > self.now
            self.now = deadline
            self.feed(on.Tick())
            rings += 1
            assert rings < us // 1000 + 100, "it would ring for ever"
        self.now = until

    @precondition(lambda self: self.call is not None)
    @rule(voiced=st.integers(0, 40), quiet=st.integers(0, 30))
    def speak(self, voiced: int, quiet: int) -> None:
        for number in range(voiced + quiet):
            self.pass_time(20_000)
            self.feed(on.CallerAudio(FRAME, number < voiced))

    # ------------------------------------------------------------ the session in use

    @precondition(lambda self: self.there and self.asked and not self.active)
    @rule()
    def answer(self) -> None:
        self.count += 1
        self.active, self.asked = f"resp_{self.count}", False
        self.feed(on.ResponseStarted(self.active))

    @precondition(lambda self: self.there and self.active)
    @rule(ms=st.integers(0, 3000))
    def say(self, ms: int) -> None:
        item = f"{self.active}_item"
        self.feed(on.AssistantWords(self.active, item, f"Sentence {self.active} {ms}. "))
        self.feed(on.AssistantAudio(self.active, item, silence(RATE * ms // 1000)))

    @precondition(lambda self: self.there and self.active)
    @rule(
        status=st.sampled_from(["completed", "completed", "failed", "cancelled"]),
        code=st.sampled_from([*POLICIES, "", "new"]),
        calls=st.integers(0, 2),
    )
    def end(self, status: on.ResponseStatus, code: str, calls: int) -> None:
        ended, self.active = self.active, ""
        made = tuple(
            on.ToolCall(f"{ended}_{number}", TOOLS[number].name, "{}") for number in range(calls)
        )
        reason = "Try again in 1.2s" if self.count % 2 else ""
        code = code if status == "failed" else ""
        self.feed(on.ResponseEnded(ended, status, reason, made, code=code))

    @precondition(lambda self: self.there)
    @rule(text=st.booleans())
    def recognise(self, text: bool) -> None:
        self.count += 1
        item = f"heard_{self.used}_{self.count}"
        self.feed(on.TurnCommitted(item))
        self.feed(on.CallerWords(item, f"Words {self.count}." if text else "", final=True))

    @precondition(lambda self: self.call is not None and self.plan.routing.rules)
    @rule(percent=st.sampled_from([0, 49, 50, 100]))
    def load(self, percent: int) -> None:
        self.feed(on.LoadReported(percent))

    @precondition(lambda self: self.there)
    @rule(code=st.sampled_from([*POLICIES, "new"]), asked=st.booleans())
    def refuse(self, code: str, asked: bool) -> None:
        if asked and not self.active:
            self.asked = False
        self.feed(on.AssistantRefused(code, "no", "response.create-1" if asked else ""))

    @precondition(lambda self: self.runs)
    @rule(which=st.integers(0, 9))
    def finish_tool(self, which: int) -> None:
        call_id = sorted(self.runs)[which % len(self.runs)]
        self.feed(on.ToolFinished(call_id, "done"))

    # ------------------------------------------------------------ faults

    @precondition(lambda self: self.there)
    @rule(code=st.sampled_from(CODES))
    def lose(self, code: str) -> None:
        self.there, self.active, self.asked = False, "", False
        self.feed(on.AssistantLost("gone", code, self.used))

    @precondition(lambda self: self.dialled)
    @rule()
    def open(self) -> None:
        epoch = self.dialled.pop()
        self.opened.add(epoch)
        self.feed(on.AssistantReady("s", "m", LIMIT, epoch))

    @precondition(lambda self: self.there)
    @rule()
    def open_again(self) -> None:
        """The session in use says once more that it is open."""
        used = self.used
        self.feed(on.AssistantReady("s", "m", LIMIT, used))
        assert self.used == used

    @precondition(lambda self: self.dialled or self.opened)
    @rule(code=st.sampled_from(CODES))
    def fail(self, code: str) -> None:
        epoch = (self.dialled or self.opened).pop()
        self.gone.append(epoch)
        self.feed(on.AssistantLost("no answer", code, epoch))

    @precondition(lambda self: self.gone)
    @rule(which=st.integers(0, 99), ready=st.booleans())
    def late(self, which: int, ready: bool) -> None:
        """What was given up is heard of once more."""
        epoch = self.gone[which % len(self.gone)]
        used = self.used
        if ready:
            self.feed(on.AssistantReady("s", "m", LIMIT, epoch))
        else:
            self.feed(on.AssistantLost("late", "close_1006", epoch))
        assert self.used == used or self.used in self.gone or self.used > epoch

    # ------------------------------------------------------------ always

    @invariant()
    def the_deadline_lies_ahead(self) -> None:
        if self.call is not None and self.call.deadline is not None:
            assert self.call.deadline > self.now

    @invariant()
    def a_call_without_a_session_seeks_one_or_ends(self) -> None:
        if self.call is None or self.there or self.call.ended:
            return
        assert self.call.deadline is not None

    def teardown(self) -> None:
        """The same events at the same times give the same effects, whoever is asked."""
        again = Everybody(self.plan)
        assert [e for at, event in self.history for e in again.handle(event, at)] == self.effects


AnyFaults.TestCase.settings = settings(
    max_examples=80,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.generate],
)
test_any_order_of_faults_keeps_the_promises = AnyFaults.TestCase
