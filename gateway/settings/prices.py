"""Prices of the operator's own, from a day on, in place of those that are shipped."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field, model_validator

from gateway.call.prices import NANO, OwnPrice, Rate
from gateway.section import Section

Usd = Annotated[float, Field(ge=0, le=100_000)]


class Tokens(Section):
    """US dollars for a million tokens of one kind."""

    input: Usd = 0.0
    cached: Usd = 0.0
    output: Usd = 0.0

    def rate(self) -> Rate:
        """The same, as calls count."""
        return Rate(*(round(usd * 1000) for usd in (self.input, self.cached, self.output)))


class PriceRow(Section):
    """What a model costs from a day on. What it leaves out is as it was."""

    model: str = Field(default="", description="That answers.")
    transcription: str = Field(default="", description="Or that writes down what callers say.")
    since: date = Field(default=date.min, description="The first day; left out: always.")
    text: Tokens | None = None
    audio: Tokens | None = None
    image: Tokens | None = None
    per_minute: Usd | None = Field(default=None, description="US dollars for transcription.")

    @model_validator(mode="after")
    def _of_one(self) -> PriceRow:
        kinds = (self.text, self.audio, self.image)
        if bool(self.model) == bool(self.transcription):
            raise ValueError("should name either a model or a transcription")
        if self.model and (self.per_minute is not None or not any(kinds)):
            raise ValueError("should have text, audio or image for a model, and no per_minute")
        if self.transcription and (self.per_minute is None or any(kinds)):
            raise ValueError("should have per_minute for a transcription, and nothing else")
        return self

    def price(self) -> OwnPrice:
        """The same, as it is looked up."""
        minute = None if self.per_minute is None else round(self.per_minute * NANO)
        text, audio, image = (
            None if kind is None else kind.rate() for kind in (self.text, self.audio, self.image)
        )
        return OwnPrice(self.model or self.transcription, text, audio, image, minute)
