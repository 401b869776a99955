"""Phrases: listens for sentences of the phrase book that the model says, so as to keep their sound.

A sentence with fixed words is kept when the model has said just these. An answer without them is
kept when it followed a question that its pattern fits, needed no tools but those that look things
up for anybody, and holds nothing personal.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable

from gateway.call.effects import Effect, ShowTool, ShowWords, Use
from gateway.call.events import AssistantAudio, AssistantWords, Event, ResponseEnded
from gateway.call.phrases import WORDS
from gateway.call.plan import Phrase, Plan
from gateway.redaction.detect import find

log = logging.getLogger(__name__)

Keep = Callable[[Phrase, str, bytes], None]  # the phrase, what was said, its sound


class PhraseTap:
    """The tap of a call whose plan has phrases without sound."""

    def __init__(self, plan: Plan, keep: Keep, tools: Iterable[str], longest: int) -> None:
        self._wanted = {_plain(one.text): one for one in plan.phrases if one.text and not one.sound}
        self._answers = [
            (re.compile(one.asks, re.I), one)
            for one in plan.phrases
            if one.asks and not one.text and not one.sound
        ]
        self._keep = keep
        self._tools = frozenset(tools)
        self._longest = longest
        self._asked: Phrase | None = None  # what the last question of the caller wants
        self._said: dict[str, tuple[bytearray, list[str]]] = {}  # by item, of the answer under way

    def event(self, event: Event, now: int) -> None:
        """Gather what the model says; keep it when it is complete."""
        if isinstance(event, AssistantAudio):
            sound, _ = self._said.setdefault(event.item_id, (bytearray(), []))
            if len(sound) <= self._longest:
                sound += event.pcm
        elif isinstance(event, AssistantWords):
            self._said.setdefault(event.item_id, (bytearray(), []))[1].append(event.text)
        elif isinstance(event, ResponseEnded):
            said, self._said = list(self._said.values()), {}
            if event.status == "completed" and len(said) == 1 and not event.calls:
                sound, words = said[0]
                self._complete("".join(words).strip(), bytes(sound))

    def effect(self, effect: Effect, now: int) -> None:
        """Notice what is asked, and what is needed to answer it."""
        if isinstance(effect, ShowWords) and effect.role == "caller" and effect.final:
            self._asked = self._asked_for(effect.text)
        elif isinstance(effect, Use):  # it may be another assistant with another voice
            self._wanted, self._answers, self._asked = {}, [], None
        elif isinstance(effect, ShowTool) and effect.name not in self._tools:
            self._asked = None

    def _asked_for(self, question: str) -> Phrase | None:
        if len(question.split()) > WORDS:
            return None
        return next((one for asks, one in self._answers if asks.search(question)), None)

    def _complete(self, text: str, sound: bytes) -> None:
        asked, self._asked = self._asked, None
        phrase = self._wanted.pop(_plain(text), None)
        if phrase is None and asked is not None and not find(text):
            phrase = asked
            self._answers = [(asks, one) for asks, one in self._answers if one is not asked]
        if phrase is not None and sound and len(sound) <= self._longest:
            self._keep(phrase, text, sound)

    def close(self) -> None:
        """What was not complete is not kept."""
        self._said.clear()


def _plain(text: str) -> str:
    """The words without what only writing knows."""
    return " ".join(re.findall(r"\w+", text.casefold()))
