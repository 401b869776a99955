"""Phrases: sentences of the assistant's own voice that are at hand, and need not be made again.

Whatever is to be said word for word - a greeting, a word while a tool works - is played from here
if it is at hand, and so is the answer to a short question that people often ask. The model is told
in writing what of it was heard, so that it knows what it has said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.call import effects as do
from gateway.call import toolwords as say
from gateway.call.effects import Effect
from gateway.call.plan import Phrase, Plan
from gateway.call.responses import PLAIN
from gateway.call.voice import Voice

WORDS = 12  # of a question, at most: a longer one asks for more than its pattern says
SEEN = frozenset({do.Commit, do.ShowTurn, do.ShowWords, do.Respond})


class Phrases:
    """What one call has at hand, and whether it is what is wanted."""

    def __init__(self, plan: Plan, voice: Voice) -> None:
        ready = () if plan.relays else tuple(one for one in plan.phrases if one.sound)
        self._voice = voice
        self._patience = plan.phrase_patience
        self._exact = {say.exactly(one.text): one for one in ready}
        self._answers = [(re.compile(one.asks, re.I), one) for one in ready if one.asks]
        self.sees = SEEN if self._answers else frozenset()  # nobody asks for what is not at hand
        self._question = ""  # of the last turn, as far as its words are known
        self._item = ""  # of that turn
        self.deadline: int | None = None  # when its words are waited for no more, if they are
        self._said = 0

    def see(self, effect: Effect, now: int) -> None:
        """Notice, of those that it `sees`, what the caller says, and that it is answered."""
        if isinstance(effect, do.Commit):
            self._question, self._item, self.deadline = "", "", now + self._patience
        elif isinstance(effect, do.ShowTurn) and effect.phase == "committed":
            self._item = effect.item_id
        elif isinstance(effect, do.ShowWords) and effect.role == "caller" and effect.final:
            if effect.item_id == self._item or effect.item_id.startswith(do.WRITTEN):
                self._know(effect.text)
        elif isinstance(effect, do.Respond):
            self._know("")

    def _know(self, question: str) -> None:
        self._question, self.deadline = question, None

    def holds(self, wanted: do.Respond, now: int) -> bool:
        """Whether the words of the caller are to be waited for before the model is asked."""
        return self.deadline is not None and now < self.deadline and wanted == PLAIN

    def says(self, instructions: str) -> bool:
        """Whether what these instructions ask for is at hand."""
        return instructions in self._exact

    def fitting(self, wanted: do.Respond) -> Phrase | None:
        """What is at hand instead of the answer that is wanted."""
        if self._question and wanted == PLAIN:
            return self._answer(self._question)
        if wanted.request or wanted.options:
            return None
        return self._exact.get(wanted.instructions)

    def _answer(self, question: str) -> Phrase | None:
        if len(question.split()) > WORDS:
            return None
        return next((one for asks, one in self._answers if asks.search(question)), None)

    def speak(self, phrase: Phrase, now: int) -> Iterator[Effect]:
        """Let the caller hear it."""
        self._said += 1
        self._know("")
        item_id = f"phrase_{self._said}"
        yield from self._voice.recite(item_id, phrase.text, phrase.sound, now)
        yield from self._voice.settle(now)
