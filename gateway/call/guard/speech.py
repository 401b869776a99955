"""Speech: the assistant's words and sound, which wait for each other where a policy says so.

Words come ahead of their sound. So sound that came before the first word of a sentence holds
nothing of that sentence, and may be heard once all sentences before it have passed:

    words 1a ─ words 1b. ─ sound ─ sound ─ words 2a ─ sound ─ words 2b. ─ sound
    └──────── passed with sentence 1 ─────┘└────── waits for sentence 2 ──────┘

An item whose sound comes before any word is one of a server that writes down later: its sound waits
for the end of the item. Nothing waits longer than the policy's patience.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.call import events as on
from gateway.call.guard.held import Held, Said, Waiting
from gateway.call.guard.rules import GuardPolicy
from gateway.call.guard.sentences import Sentences
from gateway.call.recovery import Recovery
from gateway.redaction.detect import Policy as Personal
from gateway.redaction.detect import opened

ITEMS = 64  # of which the words are followed


@dataclass(slots=True)
class Sentence:
    """Words that are to be judged, and what waits for them."""

    response_id: str
    item_id: str
    text: str
    before: str
    since: int  # when it began
    waiting: list[Waiting] = field(default_factory=list)


@dataclass(slots=True)
class Line:
    """The words of an item, as far as they have come."""

    response_id: str
    sentences: Sentences = field(default_factory=Sentences)
    open: list[Waiting] = field(default_factory=list)  # of the sentence that is not complete
    text: str = ""  # of it
    since: int = 0  # when it began
    late: bool = False  # sound came before words
    pressed: bool = False  # it has waited long enough, but for a number that is not complete


class Speech:
    """What the assistant says in one call, sentence by sentence."""

    def __init__(self, policy: GuardPolicy, recovery: Recovery) -> None:
        self._policy = policy
        self._recovery = recovery
        kinds = frozenset(kind for rule in policy.at("assistant") for kind in rule.pii)
        self._numbers = Personal(kinds)  # that rules look for
        self._lines: dict[str, Line] = {}
        self.held = Held()

    def take(self, event: Said, now: int) -> Iterator[Sentence]:
        """Let an event wait; gives the sentences that are complete with it."""
        match event:
            case on.AssistantWords(response_id, item_id, text):
                yield from self._words(response_id, item_id, text, now)
            case on.AssistantAudio(response_id, item_id):
                line = self._line(response_id, item_id)
                line.late = line.late or not (line.text or line.sentences.before)
                self._wait(event, now, item_id).covered = not line.late
            case on.ItemEnded(_, item_id):
                yield from self._close(item_id)
                self._wait(event, now, item_id)
            case on.ResponseEnded(response_id):
                for item_id in [
                    i for i, one in self._lines.items() if one.response_id == response_id
                ]:
                    yield from self._close(item_id)
                    self._lines.pop(item_id)
                self._wait(event, now, "")

    def _words(self, response_id: str, item_id: str, text: str, now: int) -> Iterator[Sentence]:
        line = self._line(response_id, item_id)
        for piece, ends in line.sentences.push(text):
            if not line.open:
                line.since = now
            words = on.AssistantWords(response_id, item_id, piece)
            waiting = self._wait(words, now, item_id)
            waiting.passed = False
            line.open.append(waiting)
            line.text += piece
            if ends:
                yield self._cut(line, item_id)

    def _wait(self, event: Said, now: int, item_id: str) -> Waiting:
        waiting = Waiting(event, now, self._recovery.epoch, item_id)
        if self._policy.hold:
            self.held.add(waiting)
        return waiting

    def _line(self, response_id: str, item_id: str) -> Line:
        if item_id not in self._lines:
            complete = [name for name, line in self._lines.items() if not line.open]
            for name in complete[: max(0, len(self._lines) - ITEMS)]:
                del self._lines[name]
            self._lines[item_id] = Line(response_id)
        return self._lines[item_id]

    def _items(self, response_id: str) -> list[str]:
        return [i for i, line in self._lines.items() if line.response_id == response_id]

    def _cut(self, line: Line, item_id: str) -> Sentence:
        before = line.sentences.before
        sentence = Sentence(line.response_id, item_id, line.text, before, line.since, line.open)
        line.sentences.judged(line.text)
        line.open, line.text, line.pressed = [], "", False
        return sentence

    def _close(self, item_id: str) -> Iterator[Sentence]:
        """No more comes of an item: what its last sentence has is all of it."""
        line = self._lines.get(item_id)
        if line is None:
            return
        for waiting in self.held.of_item(item_id):
            waiting.covered = True
        if line.open:
            line.sentences.open = ""
            yield self._cut(line, item_id)

    def overdue(self, now: int) -> Iterator[Sentence]:
        """Sentences for whose end sound has waited long enough: what there is of them is judged.

        But for the beginning of a number, where a rule looks for numbers: that waits on.
        """
        for item_id, line in self._lines.items():
            if line.open and self._policy.hold and now >= self._due(line):
                kept = self._unfinished_number(line) if not line.pressed else []
                line.open = line.open[: len(line.open) - len(kept)]
                line.text = "".join(map(_words, line.open))
                if line.open:
                    yield self._cut(line, item_id)
                line.open, line.pressed = kept, bool(kept)
                line.text = line.sentences.open = "".join(map(_words, kept))

    def _due(self, line: Line) -> int:
        return line.since + (self._policy.patience if line.pressed else self._policy.sentence)

    def _unfinished_number(self, line: Line) -> list[Waiting]:
        """The end of the words, from where a number begins that may go on."""
        if not self._numbers:
            return []
        before = line.sentences.before
        start = opened(before + line.text, self._numbers) - len(before)
        at, kept = 0, list(line.open)
        while kept and at + len(_words(kept[0])) <= start:
            at += len(_words(kept.pop(0)))
        return kept

    def forget(self, response_id: str) -> list[Waiting]:
        """The answer is not heard any more; what of it was waiting."""
        for item_id in self._items(response_id):
            del self._lines[item_id]
        return self.held.take(response_id)

    @property
    def deadline(self) -> int | None:
        """When something has waited long enough."""
        if not self._policy.hold or (first := self.held.first) is None:
            return None
        times = [self._due(line) for line in self._lines.values() if line.open]
        if not first.covered:
            times.append(first.since + self._policy.patience)
        return min(times, default=None)


def _words(waiting: Waiting) -> str:
    return waiting.event.text if isinstance(waiting.event, on.AssistantWords) else ""
