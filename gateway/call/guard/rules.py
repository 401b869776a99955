"""Rules: what a policy says of a caller's words, of tools, and of what the assistant would say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gateway.redaction.detect import Kind

Place = Literal["caller", "arguments", "results", "assistant"]
Action = Literal["note", "redact", "steer", "replace", "transfer", "end"]

ACTIONS: tuple[Action, ...] = ("note", "redact", "steer", "replace", "transfer", "end")  # by weight
KEPT_FROM_MODEL: tuple[Action, ...] = ("replace", "transfer", "end")  # of the caller's words


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing to look for, where, and what is done about it. Any of its signs is enough."""

    name: str
    places: tuple[Place, ...]
    action: Action
    words: tuple[str, ...] = ()  # words and phrases, in any case; `bomb*` has any ending
    patterns: tuple[str, ...] = ()  # RE2's regular expressions
    pii: tuple[Kind, ...] = ()  # classes of personal data
    injection: bool = False  # orders to the assistant in a text that may give none
    like: tuple[str, ...] = ()  # sentences to which others are held for their meaning
    likeness: float = 0.55  # cosine from which a sentence is like one of them
    moderation: tuple[str, ...] = ()  # categories of the moderation endpoint; `*`: any
    threshold: float = 0.0  # score from which a category counts; 0: the endpoint's own word
    unless: tuple[str, ...] = ()  # RE2's expressions: where one is found there, it is no sign
    tools: tuple[str, ...] = ()  # whose arguments and results; patterns with *; none: of all
    fields: tuple[str, ...] = ()  # members of that JSON; patterns with *; none: all
    phrase: str = ""  # what is said, or told, instead
    steer: str = ""  # what the model is told
    target: str = ""  # to whom the caller is put through

    @property
    def asks(self) -> bool:
        """Whether somebody beside the call has to be asked: a model of meaning, or a server."""
        return bool(self.like or self.moderation)


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """The rules of a call, all in one, under the name and version that stand in its record."""

    name: str = ""
    version: str = ""
    digest: str = ""  # SHA-256 of the file, in hex
    hold: bool = False  # nothing is heard before its words have passed
    patience: int = 800_000  # microseconds that anything is held at most
    sentence: int = 250_000  # microseconds of sound that may wait for the end of a sentence
    closed: bool = False  # what is not checked in time is stopped; else it passes
    rules: tuple[Rule, ...] = ()

    @property
    def label(self) -> str:
        """Which policy it is, in one word for records."""
        return f"{self.name} {self.version} {self.digest[:12]}" if self.rules else ""

    def at(self, place: Place) -> tuple[Rule, ...]:
        """The rules for a place, in the file's order."""
        return tuple(rule for rule in self.rules if place in rule.places)

    def asks(self, place: Place) -> bool:
        """Whether texts of that place have to be shown to somebody beside the call."""
        return any(rule.asks for rule in self.at(place))


UNGUARDED = GuardPolicy()
