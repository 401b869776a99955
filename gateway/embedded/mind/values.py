"""Values of one parameter found in the words: where each stands and what it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from gateway.embedded.mind.dates import UNIT_SECONDS, clocks, days, durations
from gateway.embedded.mind.figures import amounts, codes
from gateway.embedded.mind.names import name, place, plain_run, zone
from gateway.embedded.mind.reading import Found, Reading
from gateway.embedded.mind.schema import Parameter
from gateway.embedded.mind.words import STOP, stem

YES = frozenset(
    [
        "yes",
        "yeah",
        "yep",
        "yup",
        "sure",
        "correct",
        "right",
        "ok",
        "okay",
        "absolutely",
        "definitely",
        "affirmative",
    ]
)
NO = frozenset(["no", "nope", "nah", "never", "negative", "not", "don't", "without"])
_REASON = re.compile(
    r"\b(?:because(?: of)?|since|due to|the reason is(?: that)?|as i|saying(?: that)?"
    r"|that says)\s+(.+)",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\b(?:about|regarding|concerning|search(?: for)?|look(?: up| for)|find)\s+(.+)", re.IGNORECASE
)


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
        "place": place,
        "zone": zone,
        "name": name,
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
    spoken = re.search(r"((?:[\w-]+(?: dot |\.| underscore ))*[\w-]+) at ((?:[\w-]+(?: dot "
    r"|\.))+\w+)",
                       reading.text, re.IGNORECASE)  # fmt: skip
    if spoken:
        text = spoken.group(1) + "@" + spoken.group(2)
        value = re.sub(r" underscore ", "_", re.sub(r" dot ", ".", text, flags=re.I), flags=re.I)
        yield Found(value.lower().strip("."), *reading.range_of(*spoken.span()), 2)


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
    units = [
        unit
        for unit in UNIT_SECONDS
        if unit in " ".join((parameter.name, parameter.description)).lower()
    ]
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


def _text(parameter: Parameter, reading: Reading) -> Iterator[Found]:
    own = set(_spaced(parameter.name).split())
    if own & {"query", "question", "topic", "subject", "search", "issue"}:
        match = _ABOUT.search(reading.text)
        if match is None and own & {"query", "question"} and reading.tokens:
            yield Found(reading.text.strip(), 0, 0, 0.1)
    else:
        match = _REASON.search(reading.text)
    if match:
        yield Found(match.group(1).rstrip(" .!?"), *reading.range_of(*match.span(1)), 2)


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
            end = plain_run(reading, start)
            if end > start:
                yield Found(reading.span(start, end), start, end, 2)
