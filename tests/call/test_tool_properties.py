"""Whatever happens in whatever order, the ledger of tool calls keeps its promises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import hypothesis.strategies as st
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.effects import Effect
from gateway.call.outgoing import Outgoing
from gateway.call.plan import Late, Plan, ToolSpec
from gateway.call.responses import Responses
from gateway.call.toolcalls import CANCEL, ToolCalls

LATE: tuple[Late, ...] = ("speak_when_free", "next_turn", "drop")
TOOLS = (
    *(ToolSpec(late, late, {}, late=late) for late in LATE),
    ToolSpec("early", "early", {}, prefetch=True),
    ToolSpec("confirm", "confirm", {}, confirm=True),
)
NAMES = (*(tool.name for tool in TOOLS), CANCEL.name, "unknown")
ARGUMENTS = ("{}", '{"a": 1}', '{"a":1}', "not json", "")


class AnyTools(RuleBasedStateMachine):
    """A model, tools and a caller that do as they please, and sessions that are lost."""

    def __init__(self) -> None:
        super().__init__()
        self.outgoing = Outgoing()
        self.responses = Responses()
        self.tools = ToolCalls(Plan(tools=TOOLS), self.outgoing, self.responses)
        list(self.outgoing.opened())
        self.now = 0
        self.count = 0
        self.asked: dict[str, on.ToolCall] = {}  # every call that the model has made
        self.memory: dict[str, list[str]] = {}  # of the session that is open: calls, outputs
        self.told: dict[str, str] = {}  # the output of each call, whichever session heard it
        self.runs: Counter[str] = Counter()
        self.at_work: set[str] = set()
        self.active = ""  # the answer that is being made
        self.over = False

    def carry_out(self, effects: Iterator[Effect]) -> None:
        for effect in effects:
            match effect:
                case do.RunTool(call_id):
                    self.runs[call_id] += 1
                    assert self.runs[call_id] == 1, "a call was run twice"
                    key = self.same(self.asked[call_id])
                    assert all(self.same(self.asked[one]) != key for one in self.at_work), (
                        "the same was run twice at the same time"
                    )
                    self.at_work.add(call_id)
                case do.CancelTool(call_id):
                    self.at_work.discard(call_id)
                case do.SendToolCall(call_id):
                    assert call_id not in self.memory, "a session was told of a call twice"
                    self.memory[call_id] = []
                case do.SendToolOutput(call_id, output):
                    assert self.memory[call_id] == [], "a session heard two outputs for a call"
                    self.memory[call_id].append(output)
                    assert self.told.setdefault(call_id, output) == output, "it says otherwise now"
                case _:
                    pass

    @staticmethod
    def same(call: on.ToolCall) -> tuple[str, str]:
        return call.name, call.arguments.replace(" ", "") or "{}"

    def settle(self) -> None:
        free = not self.responses.pending
        self.carry_out(self.tools.settle(free=free, now=self.now))
        if self.outgoing.open and self.responses.ask(self.now) is not None:
            assert not self.active, "an answer was asked for while one was being made"
            self.count += 1
            self.active = f"resp_{self.count}"
            self.responses.started(self.active, self.now)
            self.tools.consent.see(on.ResponseStarted(self.active), self.now)

    # ------------------------------------------------------------ the model

    @precondition(lambda self: not self.over and self.outgoing.open)
    @rule(
        names=st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(ARGUMENTS)), max_size=3),
        status=st.sampled_from(["completed", "completed", "cancelled", "failed", "incomplete"]),
        again=st.booleans(),
    )
    def answer(self, names: list[tuple[str, str]], status: on.ResponseStatus, again: bool) -> None:
        """The model ends an answer with calls, some of which it may have made before."""
        made = []
        for name, arguments in names:
            self.count += 1
            made.append(on.ToolCall(f"call_{self.count}", name, arguments))
        for call in made:
            self.asked[call.call_id] = call
            self.memory[call.call_id] = []
        if again and self.asked:
            made.append(next(iter(self.asked.values())))
        ended = self.active or "resp_by_itself"
        self.responses.ended(ended, failed=status == "failed")
        self.active = ""
        self.carry_out(
            self.tools.take(on.ResponseEnded(ended, status, calls=tuple(made)), self.now)
        )
        if status != "completed":
            assert all(self.told.get(call.call_id) for call in made[: len(names)])
        self.settle()

    @precondition(lambda self: not self.over and self.outgoing.open)
    @rule(text=st.sampled_from(['{"a"', ": 1}"]), ahead=st.integers(1, 3))
    def write(self, text: str, ahead: int) -> None:
        call_id = f"call_{self.count + ahead}"
        self.carry_out(self.tools.writes(on.ToolArguments(call_id, "early", text)))

    @precondition(lambda self: not self.over)
    @rule()
    def hear_the_question(self) -> None:
        self.tools.consent.see(on.AssistantAudio(self.active, "item_q", b""), self.now)
        self.tools.consent.see(do.Play("item_q", b"", 0, 0), self.now)

    # ------------------------------------------------------------ tools, the caller, time

    @precondition(lambda self: self.at_work)
    @rule(failed=st.booleans(), mend=st.booleans(), twice=st.booleans())
    def finish(self, failed: bool, mend: bool, twice: bool) -> None:
        call_id = min(self.at_work)
        self.at_work.discard(call_id)
        for _ in range(1 + twice):
            self.carry_out(self.tools.finish(on.ToolFinished(call_id, "x", failed, mend), self.now))
        self.settle()

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), progress=st.booleans())
    def stray(self, data: st.DataObject, progress: bool) -> None:
        """A tool that was cancelled, or never run, reports all the same."""
        call_id = data.draw(st.sampled_from(sorted(self.asked)))
        if call_id not in self.at_work:
            self.carry_out(self.tools.finish(on.ToolFinished(call_id, "late"), self.now))
        self.tools.said(on.ToolSaid(call_id, "a word", progress))

    @precondition(lambda self: not self.over)
    @rule(words=st.sampled_from(["Yes.", "No.", "Why?", ""]))
    def caller_says(self, words: str) -> None:
        self.count += 1
        self.tools.caller_turn()
        item = f"item_{self.count}"
        self.tools.consent.see(on.TurnCommitted(item), self.now)
        self.tools.consent.see(do.ShowWords(item, "caller", words, self.now, True), self.now)
        self.settle()

    @precondition(lambda self: not self.over)
    @rule(us=st.integers(1, 10_000_000))
    def pass_time(self, us: int) -> None:
        until = self.now + us
        while (deadline := self.tools.deadline) is not None and self.now < deadline <= until:
            self.now = deadline
            self.settle()
        self.now = until
        self.settle()

    # ------------------------------------------------------------ lost sessions, and the end

    @precondition(lambda self: not self.over and self.outgoing.open)
    @rule()
    def lose_the_session(self) -> None:
        self.outgoing = self.tools._outgoing = Outgoing()  # shut, until there is another session
        self.responses.suspend("")
        self.active, self.memory = "", {}

    @precondition(lambda self: not self.over and not self.outgoing.open)
    @rule()
    def have_another_session(self) -> None:
        list(self.outgoing.opened())  # what waited goes with the history that is told below
        self.carry_out(self.tools.rebuilt())
        for call_id in tuple(self.tools._ledger):
            self.carry_out(self.tools.retell(call_id))
        for call_id, output in self.told.items():
            assert self.memory.get(call_id, [output]) == [output]
        self.settle()

    @precondition(lambda self: not self.over and len(self.asked) > 5)
    @rule()
    def end(self) -> None:
        self.over = True
        self.carry_out(self.tools.abandon())
        assert not self.at_work
        assert not self.tools.running
        if self.outgoing.open:
            assert self.told.keys() >= self.memory.keys()

    @invariant()
    def each_call_is_open_or_told_of(self) -> None:
        if self.outgoing.open:
            for call_id, heard in self.memory.items():
                assert heard or call_id in self.tools._open, "a call was forgotten"

    @invariant()
    def nobody_waits_for_what_is_not_at_work(self) -> None:
        runs = {one.call.call_id for one in self.tools._open.values() if one.state == "runs"}
        assert runs == self.at_work


AnyTools.TestCase.settings = settings(
    max_examples=200,
    stateful_step_count=50,
    phases=[Phase.generate],
)
test_any_tools_keep_their_promises = AnyTools.TestCase
