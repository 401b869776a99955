"""Meter: what a call has cost so far; exact once the model has reported, estimated before.

Tokens come by the second of sound (OpenAI: 10 heard, 20 spoken) and by the length of text. What an
answer reads anew is known from the last report: all that was read and said then is read again, from
the cache. How many tokens of text go with a second of speech is learned from each report.
"""

from __future__ import annotations

from dataclasses import fields, replace

from gateway.call.dictation import Dictation
from gateway.call.effects import (
    ClearInput,
    Commit,
    Effect,
    Remind,
    RunTool,
    SendAudio,
    SendText,
    SendToolOutput,
    Use,
)
from gateway.call.events import (
    AssistantAudio,
    CallerWords,
    Event,
    ResponseEnded,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    Usage,
)
from gateway.call.plan import Plan
from gateway.call.tariff import Tariff

HEARD = 10  # tokens for a second of the caller's sound
SPOKEN = 20  # for a second of the assistant's
LETTERS = 4  # for a token of text
AHEAD = 10  # seconds of speech that are paid for in advance
COUNTED = (
    *(AssistantAudio, CallerWords, ResponseStarted, ResponseEnded, SpeechStarted, SpeechStopped),
    *(ClearInput, Commit, Remind, RunTool, SendText, SendToolOutput, Use),
)
WORDS = 0.2  # tokens of text for one of the assistant's sound, until a report says


class Meter:
    """Sees a call's events and orders; all sums in nanodollars."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._tariff = Tariff(plan)
        self._dictation = Dictation(plan)
        self._exact = 0
        self._known: int | None = 0  # what has been spent, until something changes it
        self._ahead: int | None = None
        self._ratio = WORDS
        self._told = Usage(input_text=_text(plan.instructions) + sum(map(_tool, plan.tools)))
        self._context = self._told  # what the model has read
        self._new_text = self._new_audio = 0.0  # tokens since the last report
        self._began = 0  # samples, where the model detects turns
        self._segment = 0  # samples that are not committed yet
        self._running: dict[str, float] = {}  # tokens of sound of each answer that is being made

    @property
    def spent(self) -> int:
        """So far, with what the answers at work have come to."""
        if self._known is None:
            self._known = self._exact + self._at_work
        return self._known

    @property
    def ahead(self) -> int:
        """What an answer would cost that is asked for now, with its first seconds of speech."""
        if self._ahead is None:
            self._ahead = self._tariff.prices.cost(self._estimate(AHEAD * SPOKEN))
        return self._ahead

    @property
    def slice(self) -> int:
        """What so many more seconds of speech cost."""
        tokens = Usage(output_text=round(AHEAD * SPOKEN * self._ratio), output_audio=AHEAD * SPOKEN)
        return self._tariff.prices.cost(tokens)

    @property
    def _at_work(self) -> int:
        price = self._tariff.prices.cost
        return sum(price(self._estimate(spoken)) for spoken in self._running.values())

    def see(self, what: Event | Effect) -> None:
        """Count an event or an order."""
        if isinstance(what, SendAudio):  # fifty times a second, and costs nothing yet
            self._segment += self._plan.count(what.pcm)
            self._dictation.effect(what)
        elif isinstance(what, COUNTED):
            self._known = self._ahead = None
            self._count(what)
            self._exact += self._dictated(what)
        self._tariff.see(what)

    def _count(self, what: Event | Effect) -> None:
        match what:
            case ResponseStarted(response_id):
                self._running[response_id] = 0.0
            case AssistantAudio(response_id, _, pcm) if response_id in self._running:
                self._running[response_id] += self._plan.count(pcm) * SPOKEN / self._plan.rate
            case ResponseEnded(response_id, usage=usage):
                self._report(response_id, usage)
            case Commit():
                self._heard(self._segment)
            case ClearInput():
                self._segment = 0
            case SpeechStarted(_, written):
                self._began = written
            case SpeechStopped(_, written):
                self._heard(max(0, written - self._began))
            case SendText(text) | SendToolOutput(_, text) | Remind(_, text):
                self._new_text += _text(text)
            case RunTool():
                self._exact += self._tariff.tool(what)
            case Use():
                self._moves()

    def _dictated(self, what: Event | Effect) -> int:
        if isinstance(what, Commit | ClearInput):
            self._dictation.effect(what)
        elif isinstance(what, SpeechStarted | SpeechStopped | CallerWords):
            return self._tariff.prices.dictation(self._dictation.event(what))
        return 0

    def _moves(self) -> None:
        """Another session, which knows what it is told: nobody reports what was at work before."""
        self._exact += self._at_work
        self._running.clear()
        self._context = self._told
        self._new_text = self._new_audio = 0.0

    def _heard(self, samples: int) -> None:
        self._new_audio += samples * HEARD / self._plan.rate
        self._segment = 0

    def _estimate(self, spoken: float) -> Usage:
        """An answer as it would be reported now."""
        known = self._context
        return replace(
            known,
            input_text=round(known.input_text + self._new_text),
            input_audio=round(known.input_audio + self._new_audio),
            output_text=round(spoken * self._ratio),
            output_audio=round(spoken),
        )

    def _report(self, response_id: str, usage: Usage) -> None:
        self._running.pop(response_id, None)
        self._exact += self._tariff.prices.cost(usage)
        if not any(getattr(usage, one.name) for one in fields(usage)):
            return  # it failed, or its server reports nothing
        if usage.output_audio:
            self._ratio = usage.output_text / usage.output_audio
        text = usage.input_text + usage.output_text
        audio = usage.input_audio + usage.output_audio
        self._context = Usage(
            input_text=text,
            input_audio=audio,
            cached_text=text,
            cached_audio=audio,
            input_image=usage.input_image,
            cached_image=usage.input_image,
        )
        self._new_text = self._new_audio = 0.0


def _text(text: str) -> int:
    return -(-len(text) // LETTERS)


def _tool(tool: object) -> int:
    return _text(repr(tool))
