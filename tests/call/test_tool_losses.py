"""Any whole call, with tools and with sessions that are lost, keeps the promises of the ledger."""

from __future__ import annotations

from collections import Counter

import hypothesis.strategies as st
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.effects import Effect
from gateway.call.events import Event
from gateway.call.machine import Call
from gateway.call.plan import Plan, RecoveryPolicy, ToolSpec
from gateway.call.responses import START_LIMIT_US, STOP_LIMIT_US

SECOND = 1_000_000
TOOLS = (
    ToolSpec("pay", "", {}),
    ToolSpec("look", "", {}, late="drop"),
    ToolSpec("cancel", "", {}, confirm=True),
)
NAMES = ("pay", "look", "pay", "cancel", "cancel_task", "unknown")
PLAN = Plan(tools=TOOLS, recovery=RecoveryPolicy(assistants=2, patience=3_600 * SECOND))


class AnyLostCall(RuleBasedStateMachine):
    """A caller who types, a model that calls tools, and a line to it that breaks."""

    def __init__(self) -> None:
        super().__init__()
        self.call = Call(PLAN)
        self.now = 0
        self.count = 0
        self.epoch = 0
        self.dialled = 0  # a session that is being opened
        self.open = True
        self.active = ""
        self.asked_at: int | None = None
        self.cancelled_at: int | None = None
        self.memory: dict[str, int] = {}  # of this session: outputs of each call
        self.told: dict[str, str] = {}
        self.asked: dict[str, str] = {}  # every call, and what it is for
        self.runs: Counter[str] = Counter()
        self.at_work: set[str] = set()
        self.feed(on.CallerJoined())
        self.feed(on.AssistantReady())

    def feed(self, event: Event) -> None:
        for effect in self.call.handle(event, self.now):
            self.check(effect)

    def check(self, effect: Effect) -> None:
        match effect:
            case do.Dial(epoch=epoch):
                self.dialled = epoch
            case do.Use(epoch):
                self.epoch, self.open, self.memory = epoch, True, {}
                self.active, self.asked_at, self.cancelled_at = "", None, None
            case do.Respond():
                assert self.open, "nobody is there to answer"
                self.give_up()
                assert not self.active, "an answer was asked for while one was being made"
                assert self.asked_at is None, "an answer was asked for twice"
                self.asked_at, self.cancelled_at = self.now, None
            case do.Cancel():
                self.cancelled_at = self.now
            case do.RunTool(call_id):
                self.runs[call_id] += 1
                assert self.runs[call_id] == 1, "a call was run twice"
                same = [one for one in self.at_work if self.asked[one] == self.asked[call_id]]
                assert not same, "the same was run twice at once"
                self.at_work.add(call_id)
            case do.CancelTool(call_id):
                self.at_work.discard(call_id)
            case do.SendToolCall(call_id):
                assert call_id not in self.memory, "a session was told of a call twice"
                self.memory[call_id] = 0
            case do.SendToolOutput(call_id, output):
                self.memory[call_id] += 1
                assert self.memory[call_id] == 1, "a session heard two outputs for a call"
                assert self.told.setdefault(call_id, output) == output, "it says otherwise now"
            case _:
                pass

    def give_up(self) -> None:
        """The core gives up a model that does not answer; so does this one."""
        if self.asked_at is not None and self.now >= self.asked_at + START_LIMIT_US:
            self.asked_at = None
        if self.cancelled_at is not None and self.now >= self.cancelled_at + STOP_LIMIT_US:
            self.active, self.asked_at = "", None

    # ------------------------------------------------------------ the model

    @precondition(lambda self: self.open)
    @rule(
        names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=3),
        losing=st.sampled_from(["", "", "", "before", "after"]),
    )
    def call_tools(self, names: list[str], losing: str) -> None:
        """What happens most: the caller wants something, and the model calls tools for it."""
        if self.asked_at is None and not self.active:
            self.feed(on.CallerText("go on"))
        if self.asked_at is not None and not self.active:
            self.begin()
        if self.active:
            if losing == "before":
                self.lose()
            else:
                self.end("completed", names, words=False)
        if self.open and losing == "after":
            self.lose()

    @precondition(lambda self: self.open and self.asked_at is not None and not self.active)
    @rule()
    def begin(self) -> None:
        self.count += 1
        self.active, self.asked_at = f"resp_{self.count}", None
        self.feed(on.ResponseStarted(self.active))

    @precondition(lambda self: self.open and self.active)
    @rule(
        status=st.sampled_from(["completed", "completed", "completed", "failed", "cancelled"]),
        names=st.lists(st.sampled_from(NAMES), max_size=3),
        words=st.booleans(),
    )
    def end(self, status: on.ResponseStatus, names: list[str], words: bool) -> None:
        ended, self.active, self.cancelled_at = self.active, "", None
        if words:
            self.feed(on.AssistantAudio(ended, f"{ended}_item", bytes(4_800)))
        made = tuple(on.ToolCall(f"{ended}_{n}", name, "{}") for n, name in enumerate(names))
        for call in made:
            self.asked[call.call_id], self.memory[call.call_id] = call.name, 0
        self.feed(on.ResponseEnded(ended, status, "", made))

    def lose(self) -> None:
        self.open, self.active, self.asked_at, self.cancelled_at = False, "", None, None
        self.memory = {}
        self.feed(on.AssistantLost("gone", "close_1006", self.epoch))

    @precondition(lambda self: not self.open and self.dialled > self.epoch)
    @rule(works=st.booleans())
    def dial(self, works: bool) -> None:
        epoch, self.dialled = self.dialled, 0
        if works:
            self.feed(on.AssistantReady(epoch=epoch))
        else:
            self.feed(on.AssistantLost("no answer", "", epoch))

    # ------------------------------------------------------------ tools, the caller, time

    @precondition(lambda self: self.at_work)
    @rule(failed=st.booleans(), twice=st.booleans())
    def finish(self, failed: bool, twice: bool) -> None:
        call_id = min(self.at_work)
        self.at_work.discard(call_id)
        for number in range(1 + twice):
            self.feed(on.ToolFinished(call_id, f"output {number}", failed))

    @rule(text=st.sampled_from(["yes", "no", "", ""]))
    def write(self, text: str) -> None:
        if text:
            self.feed(on.CallerText(text))

    @rule(us=st.integers(1, 4 * SECOND))
    def pass_time(self, us: int) -> None:
        until = self.now + us
        while (deadline := self.call.deadline) is not None and deadline <= until:
            assert deadline > self.now, "it would ring for ever"
            self.now = deadline
            self.feed(on.Tick())
        self.now = until

    def teardown(self) -> None:
        """Once all tools have ended and a model is there, each call has its one output."""
        for call_id in sorted(self.at_work):
            self.feed(on.ToolFinished(call_id, "at last"))
        for _ in range(100):
            if self.open:
                break
            self.pass_time(SECOND)
            if self.dialled > self.epoch:
                self.dial(works=True)
        self.pass_time(10 * SECOND)
        assert self.open
        assert not [one for one, outputs in self.memory.items() if outputs != 1]
        assert self.told.keys() >= self.runs.keys()


AnyLostCall.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    phases=[Phase.generate],
)
test_any_call_that_loses_its_sessions_keeps_its_promises = AnyLostCall.TestCase
