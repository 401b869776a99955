"""The settings of routing: by which rules a call is moved to another assistant, turn by turn."""

from __future__ import annotations

import re

from pydantic import Field, field_validator, model_validator

from gateway.section import Section
from gateway.settings.words import either, expression

EMBEDDED = "embedded"  # the assistant that ships with Trunkline, by name


class Route(Section):
    """One rule: when which assistant answers. All that it names must be so."""

    answers: str = Field(
        default="*",
        description="Which calls it is for: the name of the assistant that they began with, empty"
        " for [assistant]; *: all.",
    )
    assistant: str = Field(
        default="",
        description="Who answers from the next turn on: one of [assistants], or embedded; empty:"
        " the one that the call began with.",
    )
    says: tuple[str, ...] = Field(
        default=(), description="Words or phrases, of which the caller has said one."
    )
    pattern: str = Field(default="", description="A regular expression for the same.")
    turns: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="Turns of the caller for which such words hold; 0: until those of another rule"
        " come.",
    )
    languages: tuple[str, ...] = Field(
        default=(), description="ISO 639-1 codes, of which the caller speaks one."
    )
    spent_percent: int = Field(
        default=0, ge=0, le=100, description="Of the call's budget, or more."
    )
    load_percent: int = Field(
        default=0, ge=0, le=100, description="Of the calls that this gateway can carry, or more."
    )

    _expression = field_validator("pattern")(expression)

    @field_validator("languages")
    @classmethod
    def _codes(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        if any(not re.fullmatch(r"[a-z]{2}", one) for one in languages):
            raise ValueError('should be codes of two small letters, such as "fr"')
        return languages

    @model_validator(mode="after")
    def _says_when(self) -> Route:
        when = (self.words, self.languages, self.spent_percent, self.load_percent)
        if not any(when):
            raise ValueError("should say when: by says, pattern, languages or a percentage")
        return self

    @property
    def words(self) -> str:
        """The regular expression of all its words."""
        return either(self.says, self.pattern)


class Routing(Section):
    """Whom a call is moved to when money runs short; what else moves it stands in [[routes]]."""

    cheaper: str = Field(
        default="",
        description="One of [assistants], or embedded, to whom a budget may move a call; empty: the"
        " cheapest of those that routes name.",
    )
