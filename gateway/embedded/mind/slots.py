"""A function's arguments filled from an utterance, each word used once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from gateway.embedded.mind.meaning import Meaning
from gateway.embedded.mind.reading import Found, Reading
from gateway.embedded.mind.schema import Parameter
from gateway.embedded.mind.values import read
from gateway.embedded.mind.words import STOP

Arguments = dict[str, Any]

_ORDER = ("enum", "email", "zone", "datetime", "date", "time", "duration", "id", "phone", "money",
          "number", "boolean", "place", "name", "text", "")  # fmt: skip
_LEAD = re.compile(
    r"^(?:(?:um+|uh+|er+|well|oh|so|ok|okay|yes|yeah|sure|please|hi|hello|no|actually|sorry|and"
    r"|it's"
    r"|it is|that's|that is|that would be|the|my|it should be|make it|i meant?|i said|in|at|to|from"
    r"|for|on|name is|number is|reason is|because|i'd like|i would like|i want|is)\b[\s,.]*)+",
    re.IGNORECASE,
)
ENUM_LIKENESS = 0.42  # cosine from which a choice that shares no word is taken


def fill(
    parameters: Iterable[Parameter],
    text: str,
    now: datetime,
    *,
    asked: str = "",
    given: Mapping[str, Any] | None = None,
    meaning: Meaning | None = None,
) -> Arguments:
    """The arguments that the words hold; `asked` is the parameter whose bare answer may stand here.

    Values in `given` are kept unless the words hold another one for a parameter asked for now.
    """
    reading = Reading(text, now, asked)
    found: Arguments = dict(given or {})
    ordered = sorted(parameters, key=lambda one: (one.name != asked, _rank(one), not one.required))
    for parameter in ordered:
        if parameter.name in found and parameter.name != asked:
            continue
        value = _fill_one(parameter, reading, meaning)
        if value is not None:
            found[parameter.name] = value
    return found


def _rank(parameter: Parameter) -> int:
    if parameter.enum:
        return 0
    kinds = {"integer": "number", "number": "number", "boolean": "boolean"}
    role = parameter.role or kinds.get(parameter.kind, "")
    return _ORDER.index(role)


def _fill_one(parameter: Parameter, reading: Reading, meaning: Meaning | None) -> Any:
    if parameter.kind == "array" and parameter.item:
        several = _several(parameter.item, reading)
        return several or None
    best = _best(parameter, reading)
    if best is not None:
        reading.take(best)
        return best.value
    if parameter.enum and len(parameter.enum) == 1 and parameter.required:
        return parameter.enum[0]
    return _bare(parameter, reading, meaning) if parameter.name == reading.asked else None


def _best(parameter: Parameter, reading: Reading) -> Found | None:
    offers = [one for one in read(parameter, reading) if reading.free(one.start, one.end)]
    if not parameter.required and parameter.name != reading.asked:
        offers = [one for one in offers if one.weight >= 1]
    if parameter.name == reading.asked or _is_correction(reading.text):
        return max(offers, key=lambda one: (one.weight, one.start), default=None)
    return max(offers, key=lambda one: (one.weight, -one.start), default=None)


def _is_correction(text: str) -> bool:
    """'Not 4217 but 4218': what was said last counts."""
    return re.search(r"\b(?:not|instead of|i meant?|no,|sorry,|actually)\b", text, re.I) is not None


def _several(item: Parameter, reading: Reading) -> list[Any]:
    offers = sorted(read(item, reading), key=lambda one: one.start)
    values: list[Any] = []
    for offer in offers:
        if reading.free(offer.start, offer.end) and offer.value not in values:
            reading.take(offer)
            values.append(offer.value)
    return values


def _bare(parameter: Parameter, reading: Reading, meaning: Meaning | None) -> Any:
    """The whole answer as the value that was asked for."""
    answer = _LEAD.sub("", reading.text.strip()).strip(" .!?,")
    if parameter.enum:
        return _by_meaning(parameter, answer, meaning)
    free = parameter.kind == "string" and parameter.role in ("text", "name", "place", "")
    if not free or not answer or parameter.pattern:
        return None
    if parameter.role in ("name", "place"):
        known = [word for word in answer.split() if word.lower().strip(",.") not in STOP]
        return answer if 0 < len(known) <= 5 and "?" not in reading.text else None
    return answer


def _by_meaning(parameter: Parameter, answer: str, meaning: Meaning | None) -> Any:
    if meaning is None or not answer:
        return None
    hint = parameter.label
    scored = [(meaning.likeness(answer, f"{value} {hint}"), value) for value in parameter.enum]
    scored.sort(key=lambda pair: pair[0], reverse=True)
    return scored[0][1] if scored[0][0] >= ENUM_LIKENESS else None


def question(parameter: Parameter) -> str:
    """How to ask for it, from its description."""
    if parameter.kind == "boolean":
        what = re.sub(r"^(?:whether|if)\s+(?:or not\s+)?", "", _clause(parameter), flags=re.I)
        return f"Yes or no: {what}?"
    if parameter.enum:
        options = [str(value).replace("_", " ") for value in parameter.enum]
        choices = " or ".join([", ".join(options[:-1]), options[-1]] if options[1:] else options)
        return f"What is the {parameter.label}: {choices}?"
    clause = _clause(parameter)
    if re.match(r"number of ", clause, re.IGNORECASE):
        return f"How many {clause[10:]}?"
    if re.match(r"(?:what|which|who|when|where|how)\b", clause, re.IGNORECASE):
        return f"{clause[0].upper()}{clause[1:]}?"
    verb = "are" if parameter.kind == "array" else "is"
    owner = "" if re.match(r"your\b", clause) else "the "
    return f"What {verb} {owner}{clause}?"


def _clause(parameter: Parameter) -> str:
    """The first clause of the description without article and format, else the name in words."""
    text = re.split(
        r"[,.;:(\n]|\s(?:e\.g|such as|like|for example|in (?:ISO|YYYY|HH|24)|as (?:ISO|YYYY|HH"
        r"|an? ISO)"
        r"|\(|formatted|without|with leading|to look up|to check|to search|to cancel)\b",
        parameter.description.strip(),
        maxsplit=1,
        flags=re.IGNORECASE,
    )[0].strip()
    if not text or len(text) > 80:
        suffix = " number" if parameter.role == "id" and parameter.name.endswith("id") else ""
        text = parameter.label + (suffix if parameter.label != "number" else "")
    text = re.sub(r"^(?:optional|required|the|a|an|our|unique)\s+", "", text, flags=re.IGNORECASE)
    text = re.sub(
        r"\b(?:the )?(?:customer|caller|user|guest)(?:'s|\u2019s)", "your", text, flags=re.I
    )
    return text if text[:2].isupper() else text[0].lower() + text[1:]
