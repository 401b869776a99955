"""Catalogue: prices, limits and shutdown date of each model, from the dated `models.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Any

from gateway.call.prices import NANO, OwnPrice, Prices, Rate

WAYS = ("input", "cached", "output")


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens of one kind."""

    input: float = 0.0
    cached: float = 0.0
    output: float = 0.0


@dataclass(frozen=True, slots=True)
class Model:
    """A speech-to-speech model."""

    name: str
    context_tokens: int
    output_tokens: int
    text: Price
    audio: Price
    image: Price
    shutdown: date | None = None
    replacement: str = ""
    unsure: tuple[str, ...] = ()  # fields that no page of the provider confirmed

    def warning(self, today: date) -> str:
        """What the operator should know of its end; empty where none is announced."""
        return _warning(self.name, self.shutdown, self.replacement, today)


@dataclass(frozen=True, slots=True)
class Transcriber:
    """A model that writes down what the caller said."""

    name: str
    per_minute: float  # US dollars
    bills_silence: bool = False
    needs_manual_turns: bool = False  # works only where the gateway ends the turns
    shutdown: date | None = None
    replacement: str = ""

    def warning(self, today: date) -> str:
        """What the operator should know of its end; empty where none is announced."""
        return _warning(self.name, self.shutdown, self.replacement, today)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the API allows, whatever the model."""

    session_minutes: int
    append_bytes: int
    commit_milliseconds: int
    instruction_tokens: int


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All of it, as of a date."""

    as_of: date
    default_model: str
    default_transcription: str
    input_audio_per_second: int  # tokens
    output_audio_per_second: int
    limits: Limits
    models: Mapping[str, Model]  # by name and by alias
    transcription: Mapping[str, Transcriber]

    def prices(self, model: str, writer: str, own: Sequence[OwnPrice] = ()) -> Prices:
        """What a call costs, `writer` being what writes down the caller's words.

        What the operator says counts, the last row of each name; what nobody knows costs as much as
        the dearest there is.
        """
        mine = {row.name: row for row in own}
        said = mine.get(model, OwnPrice(model))
        found = self.models.get(model)
        every = self.models.values() if found is None else [found]
        shipped = zip(*((one.text, one.audio, one.image) for one in every), strict=True)
        kinds = (said.text, said.audio, said.image)
        text, audio, image = (one or _dearest(k) for one, k in zip(kinds, shipped, strict=True))
        written = self.transcription.get(writer or self.default_transcription)
        minute = mine.get(writer or self.default_transcription, OwnPrice(writer)).minute
        if minute is None:
            dear = written or max(self.transcription.values(), key=lambda one: one.per_minute)
            minute = round(dear.per_minute * NANO)
        told = bool(said.text and said.audio)
        guessed = not (found or told) or not (written or writer in mine)
        return Prices(text, audio, image, minute, guessed)

    def audio_price(self, model: str) -> float:
        """US dollars for a million tokens of fresh input audio; 0 where the model is not known."""
        found = self.models.get(model)
        return found.audio.input if found is not None else 0.0


@lru_cache(maxsize=1)
def load() -> Catalogue:
    """The catalogue that this version of Trunkline was shipped with."""
    return read(files("gateway.assistants").joinpath("models.toml").read_text(encoding="utf-8"))


def read(source: str) -> Catalogue:
    """A catalogue from TOML text. Raises KeyError, TypeError or ValueError on a bad one."""
    raw = tomllib.loads(source)
    models: dict[str, Model] = {}
    for name, row in raw["models"].items():
        for known_as in (name, *row.pop("aliases", ())):
            models[known_as] = _model(known_as, row)
    return Catalogue(
        as_of=raw["as_of"],
        default_model=raw["default_model"],
        default_transcription=raw["default_transcription"],
        limits=Limits(**raw["limits"]),
        models=models,
        transcription={n: Transcriber(n, **row) for n, row in raw["transcription"].items()},
        **raw["rates"],
    )


def _dearest(prices: Sequence[Price]) -> Rate:
    """Nanodollars for a token, each way by the one that costs most."""
    return Rate(*(round(1000 * max(getattr(one, way) for one in prices)) for way in WAYS))


def _model(name: str, row: Mapping[str, Any]) -> Model:
    given = dict(row)
    for kind in ("text", "audio", "image"):
        given[kind] = Price(**row[kind])
    given["unsure"] = tuple(row.get("unsure", ()))
    return Model(name, **given)


def _warning(name: str, shutdown: date | None, replacement: str, today: date) -> str:
    if shutdown is None:
        return ""
    when = "was shut down" if today >= shutdown else "will be shut down"
    return f"{name} {when} on {shutdown.isoformat()}; use {replacement} instead"
