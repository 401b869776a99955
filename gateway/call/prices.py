"""Prices: what a call's tokens and minutes cost, in whole nanodollars, so that sums are exact."""

from __future__ import annotations

from dataclasses import dataclass

NANO = 1_000_000_000  # of a US dollar


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


FREE = Prices()
