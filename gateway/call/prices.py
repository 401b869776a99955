"""Prices: what a call's tokens and minutes cost, in whole nanodollars, so that sums are exact."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.call.usage import Usage

NANO = 1_000_000_000  # of a US dollar
MINUTE = 60_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class Rate:
    """Nanodollars for a token. (A dollar for a million tokens is a thousand.)"""

    input: int = 0
    cached: int = 0
    output: int = 0


@dataclass(frozen=True, slots=True)
class Prices:
    """Of the model that answers, and of the one that writes down what the caller says."""

    text: Rate = Rate()
    audio: Rate = Rate()
    image: Rate = Rate()
    transcription: int = 0  # nanodollars for a minute
    guessed: bool = False  # nobody knows them: they are the dearest that there are

    def cost(self, usage: Usage) -> int:
        """Nanodollars for a response: cached tokens are part of the input, at their own price."""
        kinds = (
            (self.text, usage.input_text, usage.cached_text, usage.output_text),
            (self.audio, usage.input_audio, usage.cached_audio, usage.output_audio),
            (self.image, usage.input_image, usage.cached_image, 0),
        )
        cost = 0
        for rate, read, cached, written in kinds:
            cost += max(read - cached, 0) * rate.input + cached * rate.cached
            cost += written * rate.output
        return cost

    def dictation(self, microseconds: int) -> int:
        """Nanodollars for so much speech that is written down; a fraction is rounded up."""
        return -(-microseconds * self.transcription // MINUTE)


FREE = Prices()


@dataclass(frozen=True, slots=True)
class Billed:
    """An assistant that a call may talk to, as its provider bills it."""

    model: str = ""
    transcription: str = ""  # model that writes down the caller's words
    prices: Prices = FREE


@dataclass(frozen=True, slots=True)
class OwnPrice:
    """What an operator says of a model; None: nothing."""

    name: str
    text: Rate | None = None
    audio: Rate | None = None
    image: Rate | None = None
    minute: int | None = None  # nanodollars for a minute of speech written down
