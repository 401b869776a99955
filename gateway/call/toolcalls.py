"""Tool calls: a ledger in which each call gets exactly one output, and who speaks of it when.

    ResponseEnded ─► take ─► RunTool … ToolFinished ─► finish ─► SendToolOutput ─► Respond
                       │                                 ▲
                 consent first?                  patience: a word meanwhile

A call is answered whatever happens: by its result, by why it failed or was not run, or by why
nobody waits for it any more. One answer of the model follows for all outputs that come together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gateway.call import events as on
from gateway.call import toolwords as say
from gateway.call.alarm import earliest
from gateway.call.consent import Consent
from gateway.call.effects import (
    CancelTool,
    Effect,
    OfferTools,
    PrefetchTool,
    RunTool,
    SendToolCall,
    SendToolOutput,
    ShowNotice,
    ToolStatus,
)
from gateway.call.ledger import ARGUMENTS, Entry, parsed
from gateway.call.outgoing import Outgoing
from gateway.call.patience import Patience
from gateway.call.plan import Plan, ToolSpec
from gateway.call.responses import Responses

REMEMBERED = 256  # answered calls
SAYINGS = 8  # of tools that wait to be said
GATHER_US = 1_000_000  # that an output waits for others, so that one answer may follow them all
LAST_ROUNDS = 2  # answers in words alone that a model gets to end a chain of calls

CANCEL = ToolSpec(
    "cancel_task",
    "Stop what you have started for the caller and what is not finished yet. Call it when the "
    "caller no longer wants it. What has been finished cannot be stopped.",
    {"type": "object", "properties": {}, "additionalProperties": False},
)


class ToolCalls:
    """The ledger of one call."""

    def __init__(self, plan: Plan, outgoing: Outgoing, responses: Responses) -> None:
        self._policy = plan.tooling
        self._tools = {spec.name: spec for spec in plan.tools}
        self._outgoing = outgoing
        self._responses = responses
        self._ledger: dict[str, Entry] = {}
        self._open: dict[str, Entry] = {}  # those of them that wait for their output
        self.consent = Consent()
        self._patience = Patience(plan.tooling)
        self._sayings: list[tuple[str, str]] = []  # call, words
        self._early: dict[str, str] = {}  # arguments of calls that are still being written
        self._turn = self._epoch = self._rebuilt = 0
        self._rounds = 0  # answers in a row that called tools
        self._misfits: Counter[str] = Counter()  # wrong arguments in a row, by tool
        self._owed: int | None = None  # since when an output waits to be spoken of
        self._may_cancel = False  # whether the model was offered to cancel
        self.idle = True  # there is nothing that `settle` would look at

    @property
    def running(self) -> bool:
        """Whether a call waits for its output."""
        return bool(self._open)

    @property
    def deadline(self) -> int | None:
        """When something is to be done if nothing happens before."""
        if self.idle:
            return None
        gathered = None if self._owed is None else self._owed + GATHER_US
        times = (gathered, self._patience.deadline, self.consent.deadline)
        return earliest(times)

    # ------------------------------------------------------------ what the model asks for

    def writes(self, event: on.ToolArguments) -> Iterator[Effect]:
        """A piece of the arguments of a tool that may begin before they are complete."""
        written = self._early.get(event.call_id, "") + event.text
        if len(written) <= ARGUMENTS and event.call_id not in self._ledger:
            self._early[event.call_id] = written
            yield PrefetchTool(event.call_id, event.name, written)

    def take(self, ended: on.ResponseEnded, now: int) -> Iterator[Effect]:
        """Start the calls of a complete response; answer those of a cut one unrun."""
        new = {call.call_id: call for call in ended.calls if call.call_id not in self._ledger}
        calls = tuple(new.values())
        whole = ended.status == "completed"
        self._rounds += bool(calls and whole)
        for call in calls:
            early = self._early.pop(call.call_id, None) is not None
            entry = Entry(call, self._turn, self._epoch, self._epoch)
            self._ledger[call.call_id] = self._open[call.call_id] = entry
            self.idle = False
            if whole:
                yield from self._begin(entry, now)
            else:
                yield from self._answer(entry, say.NOT_RUN, "cancelled", None)
            if early and not entry.ran:
                yield CancelTool(call.call_id)
        yield from self._forget_early()
        if self._rounds == self._policy.rounds + 1 and calls and whole:
            yield ShowNotice("too_many_tools", "The model calls tools again and again.")

    def _forget_early(self) -> Iterator[Effect]:
        for call_id in self._early:
            yield CancelTool(call_id)
        self._early.clear()

    def _begin(self, entry: Entry, now: int) -> Iterator[Effect]:
        name = entry.call.name
        spec = self._tools.get(name)
        if name == CANCEL.name:
            yield from self._cancel_all(entry, now)
        elif (refusal := self._refusal(entry)) is not None:
            yield from self._answer(entry, refusal, "failed", now)
        elif (twin := self._twin(entry)) is not None:
            if twin.state == "answered":
                yield from self._answer(entry, twin.output, "done", now)
            else:
                entry.state, entry.joins = "joined", twin.call.call_id
                yield entry.show("running")
        elif spec is not None and spec.confirm:
            yield from self._with_consent(entry, now)
        else:
            yield from self._run(entry)

    def _refusal(self, entry: Entry) -> str | None:
        """Why it is not even tried."""
        if (call := entry.call).refusal:
            return call.refusal
        if self._rounds > self._policy.rounds:
            return say.TOO_MANY_ROUNDS
        if len(call.arguments) > ARGUMENTS:
            return say.TOO_LONG.format(len(call.arguments), ARGUMENTS)
        if self._misfits[call.name] > self._policy.misfits:
            return say.give_up(call.name)
        at_work = sum(other.state == "runs" for other in self._open.values())
        return say.TOO_MANY_AT_ONCE if at_work >= self._policy.at_once else None

    def _twin(self, entry: Entry) -> Entry | None:
        """A call for the same that is at work, or that an earlier session has had done.

        A model that is asked again while it waits calls again; one whose session was lost does not
        know that it has called. Neither may run a side effect twice.
        """
        for other in self._ledger.values():
            if other is entry or other.call.name != entry.call.name or other.key != entry.key:
                continue
            if other.state == "runs":
                return other
            forgotten = other.epoch < self._epoch and self._turn == self._rebuilt
            if forgotten and other.ran and other.state == "answered":
                return other
        return None

    def _with_consent(self, entry: Entry, now: int) -> Iterator[Effect]:
        match self.consent.judge(entry.key, now):
            case "agreed":
                entry.consent = self.consent.take(entry.key)
                yield from self._run(entry)
            case "wait":
                entry.state = "waits"
            case "ask" if (fault := self._unfit(entry)) is not None:
                self._misfits[entry.call.name] += 1
                yield from self._answer(entry, fault, "failed", now)
            case "ask":
                self.consent.ask(entry.key)
                ask = say.ask_first(entry.call.name, parsed(entry.call.arguments))
                yield from self._answer(entry, ask, "cancelled", now)
            case "refused":
                yield from self._answer(entry, say.REFUSED, "cancelled", now)
            case "unclear":
                yield from self._answer(entry, say.UNCLEAR, "cancelled", now)

    def _unfit(self, entry: Entry) -> str | None:
        """What is surely wrong with the arguments: the caller is not asked about half a thing."""
        arguments, spec = parsed(entry.call.arguments), self._tools.get(entry.call.name)
        if not isinstance(arguments, dict):
            return say.NO_OBJECT
        required = spec.parameters.get("required", ()) if spec is not None else ()
        missing = ", ".join(name for name in required if name not in arguments)
        return say.MISSING.format(missing) if missing else None

    def _run(self, entry: Entry) -> Iterator[Effect]:
        entry.state, entry.ran, call = "runs", True, entry.call
        yield entry.show("running")
        yield RunTool(call.call_id, call.name, call.arguments, entry.consent)

    def _cancel_all(self, asked: Entry, now: int) -> Iterator[Effect]:
        """The caller does not want it any more."""
        stopped = [other for other in self._open.values() if other is not asked]
        for other in stopped:
            if other.state == "runs":
                yield CancelTool(other.call.call_id)
            yield from self._answer(other, say.CANCELLED, "cancelled", None)
        names = ", ".join(dict.fromkeys(other.call.name for other in stopped))
        told = say.stopped(names) if names else say.NOTHING_RUNS
        yield from self._answer(asked, told, "done", now)

    # ------------------------------------------------------------ what becomes of it

    def finish(self, event: on.ToolFinished, now: int) -> Iterator[Effect]:
        """Pass on the answer of a tool; a second one for the same call is nothing."""
        entry = self._ledger.get(event.call_id)
        if entry is None or entry.state != "runs":
            return
        output, name = event.output, entry.call.name
        self._misfits[name] = self._misfits[name] + 1 if event.mend else 0
        if self._misfits[name] > self._policy.misfits:
            output = say.give_up(name)
        same = [one for one in self._open.values() if one.joins == event.call_id]
        for one in (entry, *same):
            yield from self._result(one, output, "failed" if event.failed else "done", now)

    def _result(self, entry: Entry, output: str, status: ToolStatus, now: int) -> Iterator[Effect]:
        """The result, by the tool's policy where the caller has gone on meanwhile."""
        spec = self._tools.get(entry.call.name)
        late = spec.late if spec is not None and entry.turn != self._turn else "speak_when_free"
        if late == "drop":
            output = say.DROPPED
        yield from self._answer(entry, output, status, now if late == "speak_when_free" else None)

    def _answer(
        self, entry: Entry, output: str, status: ToolStatus, owed: int | None
    ) -> Iterator[Effect]:
        """The one output of a call. `owed`: since when the model is to speak of it, if it is."""
        assert entry.state != "answered", "a call is answered once"
        entry.state, entry.output = "answered", output
        yield entry.show(status, output)
        yield from self._introduce(entry)
        yield from self._outgoing.tell(SendToolOutput(entry.call.call_id, output))
        if owed is not None and self._owed is None:
            self._owed = owed
        del self._open[entry.call.call_id]
        if len(self._ledger) > len(self._open) + REMEMBERED:
            del self._ledger[next(old for old in self._ledger if old not in self._open)]

    def abandon(self) -> Iterator[Effect]:
        """Nobody waits for these answers any more."""
        yield from self._forget_early()
        for entry in tuple(self._open.values()):
            if entry.state == "runs":
                yield CancelTool(entry.call.call_id)
            yield from self._answer(entry, say.ABANDONED, "cancelled", None)
        self._owed = None
        self._sayings.clear()

    def rebuilt(self) -> Iterator[Effect]:
        """The model's session was lost and is another now; `retell` it of the calls.

        Tools at work go on, and their outputs follow. Nothing is run again: see `_twin`.
        """
        yield from self._forget_early()
        self._epoch, self._rebuilt = self._epoch + 1, self._turn

    def retell(self, call_id: str) -> Iterator[Effect]:
        """Tell a new session of a call, where it belongs in the history, and of its output."""
        entry = self._ledger.get(call_id)
        if entry is None or entry.call.name == CANCEL.name:
            return
        yield from self._introduce(entry)
        if entry.state == "answered":
            yield from self._outgoing.tell(SendToolOutput(call_id, entry.output))

    def _introduce(self, entry: Entry) -> Iterator[Effect]:
        """Let the session know of the call, where it does not: no output stands alone."""
        if entry.known != self._epoch:
            entry.known, call = self._epoch, entry.call
            tell = SendToolCall(call.call_id, call.name, call.arguments)
            yield from self._outgoing.tell(tell)

    # ------------------------------------------------------------ what else happens

    def caller_turn(self) -> None:
        """The caller has said something: what was asked for before is late from now on."""
        self._turn += 1
        self._rounds = 0
        self._misfits.clear()

    @property
    def offered(self) -> tuple[ToolSpec, ...]:
        """What the model may call; from the first wait on it may also cancel."""
        tools = tuple(self._tools.values())
        return (*tools, CANCEL) if self._may_cancel else tools

    def change(self, tools: tuple[ToolSpec, ...]) -> Iterator[Effect]:
        """The tools are others now. A model that is not there yet is told when it comes."""
        self._tools = {spec.name: spec for spec in tools}
        if self._outgoing.open:
            yield OfferTools(self.offered)

    def said(self, event: on.ToolSaid) -> None:
        """A tool has words for the caller."""
        entry = self._ledger.get(event.call_id)
        if entry is not None and entry.state == "runs" and event.text.strip():
            if event.progress:
                self._patience.progress = event.text
            else:
                self._sayings = [*self._sayings, (event.call_id, event.text)][-SAYINGS:]

    # ------------------------------------------------------------ time

    def settle(self, *, free: bool, now: int) -> Iterator[Effect]:
        """Ask for answers that are due. `free`: nobody speaks, and no answer is on its way."""
        for entry in tuple(self._open.values()):
            if entry.state == "waits":
                yield from self._with_consent(entry, now)
        at_work = [entry for entry in self._open.values() if entry.state == "runs"]
        if self._owed is not None and (not self._open or now >= self._owed + GATHER_US):
            self._owed = None
            if self._rounds <= self._policy.rounds + LAST_ROUNDS:
                self._responses.want(may_call=self._rounds <= self._policy.rounds)
            free = False
        free = free and self._outgoing.open
        due = self._patience.judge(at_work=bool(at_work), free=free, now=now)
        self.idle = not (self._open or self._patience.watches)
        if not free or not at_work:
            return
        if words := self._next_saying():
            self._responses.fill(say.exactly(words))
        elif due:
            if not self._may_cancel:  # earlier it would only be tempted
                self._may_cancel = True
                yield OfferTools(self.offered)
            names = [entry.call.name for entry in at_work]
            self._responses.fill(self._patience.words(names))

    def _next_saying(self) -> str:
        """What a tool wants said that is still at work."""
        while self._sayings:
            call_id, words = self._sayings.pop(0)
            if call_id in self._open:
                return words
        return ""
