"""The guard: holds what the caller, the tools and the assistant say against the policy's rules.

It stands before the rest of the call: every event comes through it, and most go on at once. Where
output is held, the assistant's words and sound go on when they have passed, so that all that
follows, the ledger of what was heard above all, knows nothing of what was never let through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.alarm import earliest
from gateway.call.asking import Asking
from gateway.call.effects import Effect
from gateway.call.events import Event
from gateway.call.guard.held import Said, Waiting
from gateway.call.guard.matching import Hit, Verdict, rulebook
from gateway.call.guard.remedy import Remedy, keeps_from_model
from gateway.call.guard.rules import Place, Rule
from gateway.call.guard.speech import Sentence, Speech
from gateway.call.guard.texts import Saying, strings, texts_of, with_texts
from gateway.call.outgoing import Outgoing
from gateway.call.plan import Plan
from gateway.call.quiet import Quiet
from gateway.call.recovery import Recovery
from gateway.call.responses import Responses
from gateway.call.voice import Voice
from gateway.recent import keep

OUTSTANDING = 64  # questions at once; more are taken as not answered
CALLS = 256  # functions whose names are known
LATE = "no answer in time"
WITHHELD = "[withheld]"  # stands for what was typed and may not reach the model

UNWRITTEN = Hit(Rule("unwritten", ("assistant",), "replace"), 0, 0)

React = Callable[[Event], Iterable[Effect]]


@dataclass(frozen=True, slots=True)
class Question:
    """A text that somebody beside the call is looking at."""

    place: Place
    text: str
    about: str
    until: int  # call time at which it passes or is stopped unanswered
    tool: str = ""
    response_id: str = ""
    waiting: list[Waiting] = field(default_factory=list)
    result: on.ToolFinished | on.ToolAnswered | None = None  # which waits for the answer


class Guard:
    """The rules of one call, and what waits for them."""

    def __init__(
        self,
        plan: Plan,
        react: React,
        outgoing: Outgoing,
        voice: Voice,
        responses: Responses,
        asking: Asking,
        quiet: Quiet,
        recovery: Recovery,
    ) -> None:
        self._policy = policy = plan.guard
        self._react = react
        self._remedy = Remedy(plan, outgoing, voice, responses, asking, quiet)
        self._responses = responses
        self._recovery = recovery
        self._book = rulebook(policy)
        self._places = {place for rule in policy.rules for place in rule.places}
        self.judges = bool(self._places)  # there is any rule
        self._masks = any(rule.action == "redact" for rule in policy.at("caller"))
        self._speech = Speech(policy, recovery)
        self._questions: dict[str, Question] = {}
        self._asked = 0
        self._stopped = ""  # the answer that was stopped last
        self._tools: dict[str, str] = {}  # names of functions that were called, by call

    def take(self, event: Event, now: int) -> Iterator[Effect]:
        """Take an event before the rest of the call does, where there is any rule."""
        self._speech.held.forget(self._recovery.epoch)
        match event:
            case on.AssistantWords() | on.AssistantAudio() | on.ItemEnded():
                yield from self._said(event, now)
            case on.ResponseEnded():
                calls: list[on.ToolCall] = []
                for call in event.calls:
                    yield from self._called(call, calls, now)
                yield from self._said(replace(event, calls=tuple(calls)), now)
            case on.CallerWords(final=False) if self._masks:
                pass  # the whole comes masked
            case on.CallerWords() | on.CallerText() | on.CallerAsked() if "caller" in self._places:
                yield from self._heard(event, now)
            case on.ToolArguments() if "arguments" in self._places:
                pass  # nothing is begun before all of them were judged
            case on.ToolFinished() | on.ToolAnswered() if "results" in self._places:
                yield from self._result(event, now)
            case on.AssistantTold(message) if "assistant" in self._places:
                if self._may_pass(message):
                    yield from self._react(event)
            case on.Checked():
                yield from self._answered(event, now)
            case _:
                yield from self._react(event)

    def _may_pass(self, message: dict[str, Any]) -> bool:
        """Of a message that is passed on as it is; its pieces come again as a whole at the end."""
        if self._policy.hold and str(message.get("type", "")).endswith(".delta"):
            return False
        return self._book.judge("assistant", " ".join(strings(message))).worst is None

    # ------------------------------------------------------------ the assistant

    def _said(self, event: Said, now: int) -> Iterator[Effect]:
        dropped = self._responses.is_dropped(event.response_id)
        if "assistant" not in self._places or dropped or self._recovery.away:
            if isinstance(event, on.ResponseEnded) and event.response_id == self._stopped:
                event = replace(event, status="cancelled")  # though its end crossed the order
            yield from self._react(event)
            return
        self._responses.alive(event.response_id, now)
        sentences = list(self._speech.take(event, now))
        if not self._policy.hold:
            yield from self._react(event)
        for sentence in sentences:
            yield from self._judge(sentence, now)
        if isinstance(event, on.ResponseEnded) and event.status == "completed":
            self._passed(event)
        yield from self._release()

    def _judge(self, sentence: Sentence, now: int) -> Iterator[Effect]:
        if self._responses.is_dropped(sentence.response_id):
            return  # a sentence before it was stopped
        before, text = sentence.before, sentence.text
        verdict = self._book.judge("assistant", before + text, since=len(before))
        yield from self._remedy.note(verdict, "assistant", sentence.item_id)
        if verdict.worst is not None:
            yield from self._stop(verdict, sentence.response_id, sentence.item_id, now)
            return
        for waiting in sentence.waiting:
            waiting.passed = True
        question = Question(
            *("assistant", text, sentence.item_id, sentence.since + self._policy.patience),
            response_id=sentence.response_id,
            waiting=sentence.waiting,
        )
        yield from self._ask(question, before, now)

    def _stop(self, verdict: Verdict, response_id: str, item_id: str, now: int) -> Iterator[Effect]:
        """What has not passed is never heard; what has been let through is heard to its end."""
        assert verdict.worst is not None
        self._stopped = response_id
        waiting = self._speech.forget(response_id)
        self._questions = {
            check_id: one
            for check_id, one in self._questions.items()
            if not response_id or one.response_id != response_id
        }
        if not self._policy.hold:
            yield from self._remedy.silence(now)
        else:
            for one in waiting:
                if isinstance(one.event, on.ResponseEnded):
                    yield from self._react(replace(one.event, status="cancelled"))
            yield from self._remedy.stop(response_id, item_id, now)
            for one in waiting:
                if not isinstance(one.event, on.ResponseEnded):
                    yield from self._react(one.event)  # it comes late: the model forgets it
        yield from self._remedy.instead(verdict.worst, "assistant", now)

    def _release(self) -> Iterator[Effect]:
        """Let go on what has passed, in order."""
        held = self._speech.held
        while (first := held.first) is not None:
            dropped = self._responses.is_dropped(first.event.response_id)
            if not dropped and not (first.clear and self._caller_passed):
                return
            yield from self._react(held.pop().event)

    @property
    def _caller_passed(self) -> bool:
        """Whether nobody is looking at what the caller said: what answers it has to wait."""
        return not any(one.place == "caller" for one in self._questions.values())

    def _passed(self, event: on.ResponseEnded) -> None:
        if not self._responses.is_dropped(event.response_id):
            self._remedy.all_well()

    # ------------------------------------------------------------ the caller

    def _heard(self, event: Saying, now: int) -> Iterator[Effect]:
        if isinstance(event, on.CallerWords) and not event.final:
            yield from self._react(event)
            return
        said = texts_of(event)
        verdicts = [self._book.judge("caller", text) for text in said]
        hits = tuple(hit for one in verdicts for hit in one.hits)
        verdict = Verdict(" ".join(said), hits)
        masked = [one.text for one in verdicts]
        if not isinstance(event, on.CallerWords) and keeps_from_model(verdict.worst):
            masked = [WITHHELD for _ in said]
        yield from self._react(with_texts(event, masked))
        item_id = event.item_id if isinstance(event, on.CallerWords) else ""
        yield from self._remedy.note(verdict, "caller", item_id)
        if said:
            self._remedy.all_well()
        yield from self._answer_caller(verdict, item_id, now)
        if verdict.worst is None and verdict.text.strip():
            until = now + self._policy.patience
            yield from self._ask(Question("caller", verdict.text, item_id, until), "", now)

    def _answer_caller(self, verdict: Verdict, item_id: str, now: int) -> Iterator[Effect]:
        rule = verdict.worst
        if rule is None or rule.action == "redact":
            return
        yield from self._remedy.silence(now)
        yield from self._remedy.forget_turn(rule, item_id)
        yield from self._remedy.instead(rule, "caller", now)

    # ------------------------------------------------------------ tools

    def _called(self, call: on.ToolCall, judged: list[on.ToolCall], now: int) -> Iterator[Effect]:
        """Arguments are judged when they are complete; a call that is not to be run says why."""
        keep(self._tools, call.call_id, call.name, CALLS)
        verdict = self._book.judge_json("arguments", call.arguments, tool=call.name)
        yield from self._remedy.note(verdict, "arguments", call.call_id)
        judged.append(self._remedy.refused(call, verdict))
        if verdict.worst is not None:
            self._remedy.leave(verdict.worst, now)

    def _result(self, event: on.ToolFinished | on.ToolAnswered, now: int) -> Iterator[Effect]:
        tool = self._tools.get(event.call_id, "")
        verdict = self._book.judge_json("results", event.output, tool=tool)
        yield from self._remedy.note(verdict, "results", event.call_id)
        event = replace(event, output=self._remedy.withheld(event.output, verdict))
        worst = verdict.worst
        if worst is None or worst.action == "redact":
            until = now + self._policy.patience
            question = Question("results", event.output, event.call_id, until, tool, result=event)
            if self._may_ask(question):
                yield from self._ask(question, "", now)
                return
        yield from self._react(event)
        if worst is not None:
            self._remedy.leave(worst, now)

    # ------------------------------------------------------------ those who are asked

    def _may_ask(self, question: Question) -> bool:
        return self._policy.asks(question.place) and len(self._questions) < OUTSTANDING

    def _ask(self, question: Question, before: str, now: int) -> Iterator[Effect]:
        if not self._policy.asks(question.place):
            return
        self._asked += 1
        check_id = f"check_{self._asked}"
        if not self._may_ask(question):
            yield from self._settle_question(question, None, now)
            return
        self._questions[check_id] = question
        for waiting in question.waiting:
            waiting.checks.add(check_id)
        yield do.Check(check_id, question.place, question.text, before)

    def _answered(self, event: on.Checked, now: int) -> Iterator[Effect]:
        question = self._questions.pop(event.check_id, None)
        if question is None:
            return
        for waiting in question.waiting:
            waiting.checks.discard(event.check_id)
        yield from self._settle_question(question, None if event.failed else event, now)
        yield from self._release()

    def _settle_question(
        self, question: Question, answer: on.Checked | None, now: int
    ) -> Iterator[Effect]:
        """What follows from an answer, or from none."""
        place, text, tool = question.place, question.text, question.tool
        if place == "assistant" and self._responses.is_dropped(question.response_id):
            return
        verdict = Verdict(text)
        if answer is not None:
            verdict = self._book.remote(place, text, answer.scores, tool=tool)
        elif self._policy.closed:
            verdict = self._book.unanswered(place, text, tool=tool)
        yield from self._remedy.note(verdict, place, question.about)
        if question.result is not None:
            output = self._remedy.withheld(text, verdict)
            yield from self._react(replace(question.result, output=output))
            if verdict.worst is not None:
                self._remedy.leave(verdict.worst, now)
        elif place == "caller":
            yield from self._answer_caller(verdict, question.about, now)
        elif verdict.worst is not None:
            yield from self._stop(verdict, question.response_id, question.about, now)

    # ------------------------------------------------------------ time

    def settle(self, now: int) -> Iterator[Effect]:
        """Judge what has waited long enough, and let go on what may."""
        if not self.judges:
            return
        self._speech.held.forget(self._recovery.epoch)
        for check_id in [i for i, one in self._questions.items() if now >= one.until]:
            yield from self._answered(on.Checked(check_id, failed=LATE), now)
        for sentence in list(self._speech.overdue(now)):
            yield from self._judge(sentence, now)
        yield from self._uncovered(now)
        yield from self._release()

    def _uncovered(self, now: int) -> Iterator[Effect]:
        """Sound that nobody has written down in time passes or is stopped, as the policy says."""
        while (first := self._speech.held.first) is not None and not first.covered:
            if now < first.since + self._policy.patience:
                return
            verdict = Verdict("", (UNWRITTEN,) if self._policy.closed else ())
            if verdict.hits:
                yield from self._remedy.note(verdict, "assistant", first.item_id)
                yield from self._stop(verdict, first.event.response_id, first.item_id, now)
                return
            for waiting in self._speech.held.of_item(first.item_id):
                waiting.covered = True
            yield from self._release()

    @property
    def deadline(self) -> int | None:
        """When something has waited long enough."""
        if not self.judges:
            return None
        return earliest([self._speech.deadline, *(q.until for q in self._questions.values())])
