"""Places, time zones and people by name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.embedded.mind.dates import MONTHS, WEEKDAYS
from gateway.embedded.mind.figures import UNITS
from gateway.embedded.mind.reading import Found, Reading
from gateway.embedded.mind.schema import Parameter
from gateway.embedded.mind.words import STOP, split_name

_PLACE_BEFORE = ("in", "at", "to", "from", "for", "near", "of", "around")
_PLACE_AFTER_WHICH = {
    "from": ("origin", "from", "departure", "pickup", "start"),
    "to": ("destination", "to", "arrival", "dropoff"),
}
_CALENDAR = frozenset((*MONTHS, *WEEKDAYS, "noon", "midnight", "today", "tomorrow", "tonight"))
_NOT_PLACES = _CALENDAR | frozenset(
    ["the", "a", "an", "my", "your", "me", "us", "it", "that", "this", "there", "here", "all"]
)
_INTRODUCED = re.compile(
    r"\b(?:my name is|my name's|name is|name of|the name|in the name of|this is|i am|i'm|it's"
    r"|call me|under|speaking to|for)\s+((?:(?:mr|mrs|ms"
    r"|dr)\.?\s+)?[A-Z][\w'\u2019-]*(?:\s+[A-Z][\w'\u2019-]*)*)",
)


def place(parameter: Parameter, reading: Reading) -> Iterator[Found]:
    own = set(split_name(parameter.name).split())
    for start, end in _capitals(reading):
        before = reading.tokens[start - 1].low if start else ""
        other = (
            any(own & set(names) for way, names in _PLACE_AFTER_WHICH.items() if way != before)
            and before in _PLACE_AFTER_WHICH
        )
        fits = before in _PLACE_AFTER_WHICH and own & set(_PLACE_AFTER_WHICH[before])
        if not other:
            weight = 4.0 if fits else 3.0 if before in _PLACE_BEFORE else 1.0
            yield Found(reading.span(start, end), start, end, weight)
    for at, token in enumerate(reading.tokens[:-1]):
        if token.low in ("in", "to", "from", "near") and reading.tokens[at + 1].is_word:
            end = plain_run(reading, at + 1)
            if end > at + 1:
                rest = reading.tokens[end:]
                closes = token.low == "in" and not any(one.is_word for one in rest)
                weight = 1.0 if closes else 0.5
                yield Found(reading.span(at + 1, end).title(), at + 1, end, weight)


def _capitals(reading: Reading) -> Iterator[tuple[int, int]]:
    """Runs of capitalised words that are no day, no month, no 'I' and no start of a sentence."""
    at, ends = 0, (".", "?", "!")
    while at < len(reading.tokens):
        token = reading.tokens[at]
        opens = at == 0 or reading.tokens[at - 1].text in ends
        plain = token.low in STOP or token.low in _CALENDAR or not token.text[0].isalpha()
        if plain or not token.is_capital or (opens and not _may_open(reading, at)):
            at += 1
            continue
        end = at + 1
        while end < len(reading.tokens) and _continues(reading, end):
            end += 1
        yield at, end
        at = end


def _may_open(reading: Reading, at: int) -> bool:
    """A capital at the start says little, unless the answer was asked for or stands alone."""
    follows = reading.tokens[at + 1] if at + 1 < len(reading.tokens) else None
    return bool(reading.asked) or follows is None or not follows.is_word


def _continues(reading: Reading, at: int) -> bool:
    token = reading.tokens[at]
    proper = token.is_capital and token.low not in _CALENDAR and token.low not in STOP
    return token.is_word and proper and not token.text[0].isdigit()


def plain_run(reading: Reading, at: int) -> int:
    end = at
    while end < len(reading.tokens) and end < at + 3:
        token = reading.tokens[end]
        if not token.text[0].isalpha() or token.low in STOP or token.low in _NOT_PLACES:
            break
        if token.low in UNITS or token.low in ("next", "morning", "evening", "minutes", "days"):
            break
        end += 1
    return end


def zone(parameter: Parameter, reading: Reading) -> Iterator[Found]:
    """A zone by its city, where the machine's own list knows one of that name."""
    from zoneinfo import available_timezones

    if match := re.search(r"\b(utc|gmt)\b", reading.text, re.IGNORECASE):
        yield Found(match.group().upper(), *reading.range_of(*match.span()), 2)
    places = list(place(parameter, reading))
    if not places:
        return
    zones = {zone.rsplit("/", 1)[-1].lower(): zone for zone in sorted(available_timezones())}
    for spot in places:
        zone = zones.get(str(spot.value).lower().replace(" ", "_"))
        if zone:
            yield Found(zone, spot.start, spot.end, spot.weight)


def name(parameter: Parameter, reading: Reading) -> Iterator[Found]:
    for match in _INTRODUCED.finditer(_lower_lead(reading.text)):
        start, end = reading.range_of(*match.span(1))
        if end > start and reading.tokens[start].low not in _CALENDAR | STOP:
            yield Found(reading.text[match.start(1) : match.end(1)], start, end, 3)
    for start, end in _capitals(reading):
        before = reading.tokens[start - 1].low if start else ""
        if reading.asked == parameter.name or before in ("to", "with", "by"):
            yield Found(reading.span(start, end), start, end, 1)


def _lower_lead(text: str) -> str:
    """The text with small letters in what introduces a name, as it may open a sentence."""
    lead = re.compile(r"(?:^|(?<=[.!?] ))(?:My|This|It|Call|I|Under|The|In|For)\b")
    return re.sub(r"\bI\b", "i", lead.sub(lambda match: match.group().lower(), text))
