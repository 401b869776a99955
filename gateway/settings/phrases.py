"""The settings of the phrase book: what is said again and again, and need be made only once."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from gateway.section import Section
from gateway.settings.words import either, expression


class PhraseRule(Section):
    """One sentence, or the answer to one question."""

    name: str = Field(min_length=1, max_length=100, description="What you call it.")
    say: str = Field(
        default="",
        max_length=400,
        description="What is said, word for word; empty: what is answered the first time.",
    )
    asks: tuple[str, ...] = Field(
        default=(), description="Words or phrases; a short question with one of them is answered."
    )
    pattern: str = Field(default="", description="A regular expression for the same.")
    use: Literal["answer", "greeting", "wait"] = Field(
        default="answer",
        description='"answer"; "greeting": the first words of each call; "wait": the word while a'
        " tool works.",
    )

    _expression = field_validator("pattern")(expression)

    @model_validator(mode="after")
    def _is_for_something(self) -> PhraseRule:
        if self.use != "answer" and not self.say:
            raise ValueError(f"should have words in say, for use is {self.use!r}")
        if self.use == "answer" and not self.say and not self.words:
            raise ValueError("should have words in say, or in asks what it answers")
        return self

    @property
    def words(self) -> str:
        """The regular expression of the questions."""
        return either(self.asks, self.pattern)


class PhraseBookSection(Section):
    """Sentences that are kept as sound, in the assistant's own voice, and said at no cost."""

    folder: str = Field(
        default="",
        description="Where they are kept; empty: only while the gateway runs.",
        examples=["calls/phrases"],
    )
    version: str = Field(
        default="", description="Change it to have all of them made anew.", examples=["2026-11"]
    )
    patience_ms: int = Field(
        default=400,
        ge=0,
        le=5_000,
        description="How long an answer waits for the words of a question, where one is at hand.",
    )
    tools: tuple[str, ...] = Field(
        default=("search_knowledge",),
        description="Tools whose results are the same for everybody at any time: answers made with"
        " others are not kept.",
    )
