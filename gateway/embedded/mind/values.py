"""Values of one parameter found in the words: every reader answers where it stands and what it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gateway.embedded.mind.dates import MONTHS, UNIT_SECONDS, WEEKDAYS, clocks, days, durations
from gateway.embedded.mind.figures import UNITS, amounts, codes
from gateway.embedded.mind.schema import Parameter
from gateway.embedded.mind.words import STOP, Token, stem, tokens

YES = frozenset("yes yeah yep yup sure correct right ok okay absolutely definitely affirmative".split())
NO = frozenset("no nope nah never negative not don't without".split())
_PLACE_BEFORE = ("in", "at", "to", "from", "for", "near", "of", "around")
_PLACE_AFTER_WHICH = {
    "from": ("origin", "from", "departure", "pickup", "start"),
    "to": ("destination", "to", "arrival", "dropoff"),
}
_CALENDAR = frozenset((*MONTHS, *WEEKDAYS, "noon", "midnight", "today", "tomorrow", "tonight"))
_NOT_PLACES = _CALENDAR | frozenset("the a an my your me us it that this there here all".split())
_INTRODUCED = re.compile(
    r"\b(?:my name is|my name's|name is|name of|the name|in the name of|this is|i am|i'm|it's"
    r"|call me|under|speaking to|for)\s+((?:(?:mr|mrs|ms|dr)\.?\s+)?[A-Z][\w'’-]*(?:\s+[A-Z][\w'’-]*)*)",
)
_REASON = re.compile(
    r"\b(?:because(?: of)?|since|due to|the reason is(?: that)?|as i|saying(?: that)?|that says)\s+(.+)",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\b(?:about|regarding|concerning|search(?: for)?|look(?: up| for)|find)\s+(.+)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Found:
    """A value and the tokens that it was read from; `sure` where its words name the parameter."""

    value: Any
    start: int
    end: int
    weight: float = 1.0


@dataclass(slots=True)
class Reading:
    """An utterance as tokens, with what has been read from it so far."""

    text: str
    now: datetime
    asked: str = ""  # the parameter that the assistant just asked for
    tokens: list[Token] = field(init=False)
    taken: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.tokens = tokens(self.text)

    def free(self, start: int, end: int) -> bool:
        return not self.taken & set(range(start, end))

    def take(self, found: Found) -> None:
        self.taken |= set(range(found.start, found.end))

    def span(self, start: int, end: int) -> str:
        return self.text[self.tokens[start].start : self.tokens[end - 1].end]


def read(parameter: Parameter, reading: Reading) -> Iterator[Found]:
    """Every value that the words offer for this parameter, unordered."""
    if parameter.enum:
        return _enum(parameter, reading)
    if parameter.kind == "boolean":
        return _boolean(parameter, reading)
    if parameter.kind in ("integer", "number"):
        return _number(parameter, reading)
    readers = {
        "id": _id,
        "phone": _id,
        "date": _date,
        "time": _time,
        "datetime": _datetime,
        "email": _email,
        "place": _place,
        "zone": _zone,
        "name": _name,
        "text": _text,
        "money": _number,
        "duration": _number,
    }
    reader = readers.get(parameter.role) if parameter.kind == "string" else None
    return reader(parameter, reading) if reader else _unknown(parameter, reading)


def _near(parameter: Parameter, reading: Reading, start: int, end: int) -> float:
    """How clearly the words around a place name the parameter: 'four people', 'order 4217'."""
    total = 0.0
    for at in range(max(0, start - 4), min(len(reading.tokens), end + 2)):
        if start <= at < end or not reading.tokens[at].is_word:
            continue
        word = stem(reading.tokens[at].low)
        named = word in parameter.stems and reading.tokens[at].low not in STOP
        total += (2.0 if at == end or at == start - 1 else 1.0) if named else 0.0
    return total


def _id(parameter: Parameter, reading: Reading) -> Iterator[Found]:
    for code in codes(reading.tokens):
        text = fit_pattern(code.text, parameter.pattern)
        if text is None:
            continue
        near = _near(parameter, reading, code.start, code.end)
        unit = reading.tokens[code.end].low if code.end < len(reading.tokens) else ""
        counted = unit.rstrip("s") in UNIT_SECONDS or unit in ("people", "am", "pm", "o'clock")
        short = len(code.text) < 3 and not near and reading.asked != parameter.name
        if not counted and not short:
            yield Found(text, code.start, code.end, 1 + near + 0.1 * len(code.text))


def fit_pattern(text: str, pattern: str) -> str | None:
    """The id as its pattern wants it: other case, or a dash between letters and digits."""
    if not pattern:
        return text
    letters = re.match(r"[A-Za-z]*", text)
    cut = len(letters.group()) if letters else 0
    dashed = f"{text[:cut]}-{text[cut:]}" if cut else text
    forms = (text, text.upper(), text.lower(), dashed, dashed.upper(), dashed.lower())
    for form in forms:
        try:
            if re.search(pattern, form):
                return form
        except re.error:
            return text
    return None


def _date(parameter: Parameter, reading: Reading) -> Iterator[Found]:
    for day in days(reading.tokens, reading.now.date()):
        yield Found(day.value.isoformat(), day.start, day.end, 3)


def _time(parameter: Parameter, reading: Reading) -> Iterator[Found]:
    for clock in clocks(reading.tokens, bare=reading.asked == parameter.name):
        yield Found(clock.value.isoformat("minutes"), clock.start, clock.end, 3)


def _datetime(parameter: Parameter, reading: Reading) -> Iterator[Found]:
    found_days = days(reading.tokens, reading.now.date())
    found_clocks = clocks(reading.tokens, bare=reading.asked == parameter.name)
    for clock in found_clocks[:1]:
        day = found_days[0].value if found_days else reading.now.date()
        moment = datetime.combine(day, clock.value, reading.now.tzinfo)
        if not found_days and moment <= reading.now:
            moment += timedelta(days=1)
        start = min([clock.start, *(day.start for day in found_days[:1])])
        end = max([clock.end, *(day.end for day in found_days[:1])])
        yield Found(moment.isoformat(), start, end, 3)


def _email(parameter: Parameter, reading: Reading) -> Iterator[Found]:
    for at, token in enumerate(reading.tokens):
        if "@" in token.text:
            yield Found(token.text.lower(), at, at + 1, 3)
    spoken = re.search(r"((?:[\w-]+(?: dot |\.| underscore ))*[\w-]+) at ((?:[\w-]+(?: dot |\.))+\w+)",
                       reading.text, re.IGNORECASE)  # fmt: skip
    if spoken:
        text = spoken.group(1) + "@" + spoken.group(2)
        value = re.sub(r" underscore ", "_", re.sub(r" dot ", ".", text, flags=re.I), flags=re.I)
        yield Found(value.lower().strip("."), *_tokens_of(reading, *spoken.span()), 2)


def _tokens_of(reading: Reading, start: int, end: int) -> tuple[int, int]:
    """The range of tokens that lie in a range of characters."""
    inside = [at for at, token in enumerate(reading.tokens) if start <= token.start < end]
    return (inside[0], inside[-1] + 1) if inside else (0, 0)


def _number(parameter: Parameter, reading: Reading) -> Iterator[Found]:
    whole = parameter.kind == "integer"
    if parameter.role == "duration":
        yield from _duration(parameter, reading)
    if parameter.role == "id":
        yield from (
            Found(int(code.text), code.start, code.end, 2)
            for code in codes(reading.tokens)
            if code.text.isdigit()
        )
        return
    for amount in amounts(reading.tokens):
        value = amount.value
        if amount.ordinal or (whole and not float(value).is_integer()):
            continue
        if not _within(parameter, value):
            continue
        near = _near(parameter, reading, amount.start, amount.end)
        kept = str(value) if parameter.kind == "string" else int(value) if whole else value
        yield Found(kept, amount.start, amount.end, 0.5 + near)


def _within(parameter: Parameter, value: float) -> bool:
    low, high = parameter.minimum, parameter.maximum
    return (low is None or value >= low) and (high is None or value <= high)


def _duration(parameter: Parameter, reading: Reading) -> Iterator[Found]:
    units = [unit for unit in UNIT_SECONDS if unit in " ".join((parameter.name, parameter.description)).lower()]  # noqa: E501
    if not units:
        return
    for length in durations(reading.tokens):
        value = length.seconds / UNIT_SECONDS[units[0]]
        kept = int(value) if value.is_integer() else value
        if parameter.kind != "integer" or isinstance(kept, int):
            yield Found(kept, length.start, length.end, 3)


def _enum(parameter: Parameter, reading: Reading) -> Iterator[Found]:
    for value in parameter.enum:
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield from (
                Found(value, a.start, a.end, 2) for a in amounts(reading.tokens) if a.value == value
            )
            continue
        wanted = [stem(word) for word in re.findall(r"[a-z0-9]+", _spaced(value))]
        yield from _sequence(value, wanted, reading)


def _spaced(value: Any) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.]+", " ", str(value)).lower()


def _sequence(value: Any, wanted: Sequence[str], reading: Reading) -> Iterator[Found]:
    said = [stem(token.low) for token in reading.tokens]
    for at in range(len(said) - len(wanted) + 1):
        if wanted and said[at : at + len(wanted)] == list(wanted):
            yield Found(value, at, at + len(wanted), 2 + len(wanted))
    if len(wanted) > 1 and set(wanted) <= set(said):
        at = said.index(wanted[0])
        yield Found(value, at, at + 1, 2)


def _boolean(parameter: Parameter, reading: Reading) -> Iterator[Found]:
    said = [token.low for token in reading.tokens]
    if reading.asked == parameter.name:
        for at, word in enumerate(said):
            if word in YES | NO:
                yield Found(word in YES, at, at + 1, 4)
                return
    named = {stem(word) for word in _spaced(parameter.name).split() if word not in STOP}
    for at, token in enumerate(reading.tokens):
        if named and stem(token.low) in named and named <= {stem(word) for word in said}:
            denied = set(said[max(0, at - 3) : at]) & NO
            yield Found(not denied, at, at + 1, 1)
            return


def _place(parameter: Parameter, reading: Reading) -> Iterator[Found]:
    own = set(_spaced(parameter.name).split())
    for start, end in _capitals(reading):
        before = reading.tokens[start - 1].low if start else ""
        other = any(
            own & set(names) for way, names in _PLACE_AFTER_WHICH.items() if way != before
        ) and before in _PLACE_AFTER_WHICH
        fits = before in _PLACE_AFTER_WHICH and own & set(_PLACE_AFTER_WHICH[before])
        if not other:
            weight = 4.0 if fits else 3.0 if before in _PLACE_BEFORE else 1.0
            yield Found(reading.span(start, end), start, end, weight)
    for at, token in enumerate(reading.tokens[:-1]):
        if token.low in ("in", "to", "from", "near") and reading.tokens[at + 1].is_word:
            end = _plain_run(reading, at + 1)
            if end > at + 1:
                yield Found(reading.span(at + 1, end).title(), at + 1, end, 0.5)


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


def _plain_run(reading: Reading, at: int) -> int:
    end = at
    while end < len(reading.tokens) and end < at + 3:
        token = reading.tokens[end]
        if not token.text[0].isalpha() or token.low in STOP or token.low in _NOT_PLACES:
            break
        if token.low in UNITS or token.low in ("next", "morning", "evening", "minutes", "days"):
            break
        end += 1
    return end


def _zone(parameter: Parameter, reading: Reading) -> Iterator[Found]:
    """A zone by its city, where the machine's own list knows one of that name."""
    from zoneinfo import available_timezones

    if match := re.search(r"\b(utc|gmt)\b", reading.text, re.IGNORECASE):
        yield Found(match.group().upper(), *_tokens_of(reading, *match.span()), 2)
    places = list(_place(parameter, reading))
    if not places:
        return
    zones = {zone.rsplit("/", 1)[-1].lower(): zone for zone in sorted(available_timezones())}
    for place in places:
        zone = zones.get(str(place.value).lower().replace(" ", "_"))
        if zone:
            yield Found(zone, place.start, place.end, place.weight)


def _name(parameter: Parameter, reading: Reading) -> Iterator[Found]:
    for match in _INTRODUCED.finditer(_lower_lead(reading.text)):
        start, end = _tokens_of(reading, *match.span(1))
        if end > start and reading.tokens[start].low not in _CALENDAR | STOP:
            yield Found(reading.text[match.start(1) : match.end(1)], start, end, 3)
    if reading.asked == parameter.name:
        yield from (Found(reading.span(a, b), a, b, 1) for a, b in _capitals(reading))


def _lower_lead(text: str) -> str:
    """The text with small letters in what introduces a name, as it may open a sentence."""
    return re.sub(r"(?:^|(?<=[.!?] ))(My|This|It|Call|I|Under|The|In|For)\b",
                  lambda m: m.group().lower(), text).replace(" I ", " i ").replace(" I'", " i'")  # fmt: skip


def _text(parameter: Parameter, reading: Reading) -> Iterator[Found]:
    own = set(_spaced(parameter.name).split())
    if own & {"query", "question", "topic", "subject", "search", "issue"}:
        match = _ABOUT.search(reading.text)
        if match is None and own & {"query", "question"} and reading.tokens:
            yield Found(reading.text.strip(), 0, 0, 0.1)
    else:
        match = _REASON.search(reading.text)
    if match:
        yield Found(match.group(1).rstrip(" .!?"), *_tokens_of(reading, *match.span(1)), 2)


def _unknown(parameter: Parameter, reading: Reading) -> Iterator[Found]:
    """A string of which nothing is known: the words right behind its name."""
    if parameter.kind != "string":
        return
    said = [stem(token.low) for token in reading.tokens]
    named = [stem(word) for word in _spaced(parameter.name).split()]
    for at in range(len(said) - len(named)):
        if said[at : at + len(named)] == named:
            start = at + len(named)
            while start < len(said) and reading.tokens[start].low in ("is", "of", "to", "as"):
                start += 1
            end = _plain_run(reading, start)
            if end > start:
                yield Found(reading.span(start, end), start, end, 2)
