"""Spoken: which parts of a call's sound its words have been judged of, and which hold a number.

Words have no times of their own here. A number in a turn of the caller covers the whole turn; in
an answer, all of it from the piece of words on that the number begins in. Sound waits for its
words, but not for ever: noise that nobody makes words of is let through after some seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.call.effects import Effect, Play, ShowTurn, ShowWords
from gateway.call.events import AssistantAudio, AssistantWords, CallerAudio, Event, ItemEnded
from gateway.call.plan import Plan
from gateway.redaction.detect import Policy
from gateway.redaction.lines import Lines

BEFORE_US = 500_000  # that a turn may have begun earlier than it was noticed
AFTER_US = 300_000  # that it may have ended later
PATIENCE_US = 10_000_000  # that sound waits after its end
HALF = 7  # digits that are covered though nobody knows yet what they belong to
ITEMS = 16  # of the assistant, of which it is known when they were played

Span = tuple[int, int]  # call time, microseconds


@dataclass(slots=True)
class Answer:
    """An item of the assistant: its words with the samples received before, and when it plays."""

    words: str = ""
    marks: list[tuple[int, int]] = field(default_factory=list)  # characters, samples
    received: int = 0
    plays: list[tuple[int, int, int]] = field(default_factory=list)  # from sample, at, until
    ended: bool = False


class Spoken:
    """Of one call. `covered`: the spans of each side that are not to be heard."""

    def __init__(self, plan: Plan, policy: Policy) -> None:
        self._plan = plan
        self._policy = policy
        self._lines = Lines(policy, HALF)
        self.covered: dict[str, list[Span]] = {"caller": [], "assistant": []}
        self._turns: dict[str, Span] = {}  # of the caller, by item
        self._voiced: Span | None = None  # what the caller has said and nobody has judged
        self._answers: dict[str, Answer] = {}

    def event(self, event: Event, now: int) -> None:
        """Notice who speaks, and words that run ahead of their sound."""
        if not self._policy:
            return
        if isinstance(event, CallerAudio):
            if event.voiced:
                began = now - self._plan.microseconds(self._plan.count(event.pcm)) - BEFORE_US
                start = self._voiced[0] if self._voiced else max(0, began)
                self._voiced = (start, now + AFTER_US)
        elif isinstance(event, AssistantWords):
            answer = self._answer(event.item_id)
            answer.marks.append((len(answer.words), answer.received))
            answer.words += event.text
            self._lines.put("assistant", event.item_id, answer.words, whole=False)
            self._judge("assistant")
        elif isinstance(event, AssistantAudio):
            self._answer(event.item_id).received += self._plan.count(event.pcm)
        elif isinstance(event, ItemEnded):
            answer = self._answer(event.item_id)
            answer.ended = True
            if answer.words:
                self._lines.put("assistant", event.item_id, answer.words)
                self._judge("assistant")

    def played(self, play: Play, at: int, now: int) -> None:
        """A piece of an item is heard from that time on."""
        if self._policy:
            length = self._plan.microseconds(self._plan.count(play.pcm))
            self._answer(play.item_id).plays.append((play.position, at, at + length))
            self._judge("assistant", look=False)

    def effect(self, effect: Effect, now: int) -> None:
        """Judge what the caller has said, when its words are there."""
        if not self._policy:
            return
        if isinstance(effect, ShowTurn) and effect.phase == "dropped":
            self._voiced = None
        elif isinstance(effect, ShowWords) and effect.role == "caller" and effect.final:
            start = max(0, effect.at - BEFORE_US)
            said = self._voiced
            end = min(now, said[1]) if said else now
            if said and said[0] <= end:
                start, self._voiced = min(start, said[0]), None
            self._turns[effect.item_id] = (start, max(start, end))
            self._lines.put("caller", effect.item_id, effect.text)
            self._judge("caller")

    def over(self) -> None:
        """Nothing more comes."""
        self._voiced = None
        for answer in self._answers.values():
            answer.ended = True

    def settled(self, now: int) -> int:
        """Up to which call time nothing can change any more."""
        if not self._policy:
            return now
        waits = [now]
        if self._voiced and now - self._voiced[1] < PATIENCE_US:
            waits.append(self._voiced[0])
        if self._turns and self._lines.is_open("caller"):
            start, end = self._turns[next(reversed(self._turns))]
            waits += [start] if now - end < PATIENCE_US else []
        for answer in self._answers.values():
            more = answer.received and not answer.ended  # what the gateway says itself is whole
            if more and answer.plays and now - answer.plays[-1][2] < PATIENCE_US:
                waits.append(answer.plays[0][1])
        return min(waits)

    def forget(self, until: int) -> None:
        """All before that time is written."""
        for side, spans in self.covered.items():
            self.covered[side] = [span for span in spans if span[1] > until]
        while len(self._answers) > ITEMS:
            del self._answers[next(iter(self._answers))]
        while len(self._turns) > ITEMS:
            del self._turns[next(iter(self._turns))]

    def _answer(self, item_id: str) -> Answer:
        return self._answers.setdefault(item_id, Answer())

    def _judge(self, side: str, *, look: bool = True) -> None:
        if look:
            self._lines.look(side)
        spans: dict[Span, None] = dict.fromkeys(self.covered[side])
        items = self._turns if side == "caller" else self._answers
        for item in items:
            line = self._lines.line(side, item)
            if line is None or not line.found:
                continue
            if side == "caller":
                spans[self._turns[item]] = None
            else:
                spans.update(dict.fromkeys(self._sound_of(item, line.found[0].start)))
        self.covered[side] = list(spans)

    def _sound_of(self, item: str, character: int) -> list[Span]:
        """When an item is heard, from the piece of its words on that this character is in."""
        answer = self._answers[item]
        first = max((received for at, received in answer.marks if at <= character), default=0)
        spans = []
        for position, start, end in answer.plays:
            skipped = self._plan.microseconds(max(0, first - position))
            if start + skipped < end:
                spans.append((start + skipped, end))
        return spans
