"""Consent: whether the caller has agreed to something, by the caller's own words.

The model's word does not count. It asks, the assistant's question is heard, a turn of the caller
follows, and what was recognised of that turn is judged here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gateway.call.agreement import agrees
from gateway.call.effects import Effect, Play, ShowWords
from gateway.call.events import AssistantAudio, CallerWords, Event, ResponseStarted, TurnCommitted

WORDS_US = 4_000_000  # that the recognition of a turn may take
VALID_US = 120_000_000  # that a question may be answered in
TURNS = 3  # of the caller, in which an answer is looked for
QUESTIONS = 16
SEEN = frozenset({ResponseStarted, AssistantAudio, Play, TurnCommitted, ShowWords, CallerWords})

Verdict = Literal["ask", "wait", "agreed", "refused", "unclear"]


@dataclass(slots=True)
class Question:
    """Something that the caller has to agree to."""

    responses: set[str] = field(default_factory=set)  # answers of the model that began since
    items: set[str] = field(default_factory=set)  # of these answers
    heard_at: int | None = None  # when the caller began to hear it
    answers: dict[str, str] = field(default_factory=dict)  # item -> the caller's words
    awaited: dict[str, int] = field(default_factory=dict)  # turns without words, and since when

    def verdict(self, now: int) -> Verdict:
        """What the caller's words come to."""
        if self.heard_at is None or now - self.heard_at > VALID_US or len(self.answers) > TURNS:
            return "ask"
        if any(now < since + WORDS_US for since in self.awaited.values()):
            return "wait"
        clear = [said for said in map(agrees, self.answers.values()) if said is not None]
        if clear:
            return "agreed" if clear[-1] else "refused"
        return "unclear" if self.answers or self.awaited else "ask"


class Consent:
    """The questions that were put to the caller, and what came back."""

    def __init__(self) -> None:
        self.questions: dict[str, Question] = {}

    def ask(self, key: str) -> None:
        """The model was told to ask for this."""
        self.questions.pop(key, None)
        if len(self.questions) >= QUESTIONS:
            del self.questions[next(iter(self.questions))]
        self.questions[key] = Question()

    def judge(self, key: str, now: int) -> Verdict:
        """Whether it may be done. A no is final: after it the question has to be put anew."""
        question = self.questions.get(key)
        if question is None:
            return "ask"
        verdict = question.verdict(now)
        if verdict == "refused":
            del self.questions[key]
        return verdict

    def take(self, key: str) -> str:
        """The words by which the caller agreed; they count for one time."""
        return " / ".join(words for words in self.questions.pop(key).answers.values() if words)

    @property
    def deadline(self) -> int | None:
        """When recognition will have taken too long."""
        every = [since for one in self.questions.values() for since in one.awaited.values()]
        return min(every) + WORDS_US if every else None

    def see(self, fact: Event | Effect, now: int) -> None:
        """Notice, of those of `SEEN`, when a question was heard, and what was answered."""
        for question in self.questions.values():
            self._note(question, fact, now)

    def _note(self, question: Question, fact: Event | Effect, now: int) -> None:
        match fact:
            case ResponseStarted(response_id):
                question.responses.add(response_id)
            case AssistantAudio(response_id, item_id) if response_id in question.responses:
                question.items.add(item_id)
            case Play(item_id=item_id) if item_id in question.items and question.heard_at is None:
                question.heard_at = now
            case TurnCommitted(item_id) if question.heard_at is not None:
                question.awaited.setdefault(item_id, now)
            case ShowWords(item_id, "caller", text, at, True) if question.heard_at is not None:
                question.awaited.pop(item_id, None)
                if at >= question.heard_at and text:
                    question.answers[item_id] = text
            case CallerWords(item_id, final=True):
                question.awaited.pop(item_id, None)
            case _:
                pass
