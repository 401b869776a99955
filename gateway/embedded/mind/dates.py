"""Dates and times as people say them, reckoned from a given now."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta

from gateway.embedded.mind.figures import Amount, amount_at
from gateway.embedded.mind.words import Token

MONTHS = {
    name: number
    for number, name in enumerate(
        [
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ],
        start=1,
    )
}
_SHORT = {name[:3]: number for name, number in MONTHS.items()} | {"sept": 9}
WEEKDAYS = {
    name: number
    for number, name in enumerate(
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    )
}
UNIT_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
EVENING = {"evening", "tonight", "night", "dinner", "table", "pm", "p.m", "p.m.", "afternoon"}
MORNING = {"morning", "breakfast", "am", "a.m", "a.m."}
PARTS = EVENING | MORNING


@dataclass(frozen=True, slots=True)
class Day:
    """A date that covers the tokens from start to end."""

    start: int
    end: int
    value: date


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day that covers the tokens from start to end."""

    start: int
    end: int
    value: time


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time that covers the tokens from start to end."""

    start: int
    end: int
    seconds: float


def days(tokens: Sequence[Token], today: date) -> list[Day]:
    """Every date in the text."""
    found, at = [], 0
    while at < len(tokens):
        day = _day_at(tokens, at, today)
        if day is not None:
            found.append(day)
        at = day.end if day else at + 1
    return found


def _day_at(tokens: Sequence[Token], at: int, today: date) -> Day | None:
    return (
        _written(tokens, at, today)
        or _relative(tokens, at, today)
        or _weekday(tokens, at, today)
        or _month_day(tokens, at, today)
        or _day_of_month(tokens, at, today)
    )


def _make(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _written(tokens: Sequence[Token], at: int, today: date) -> Day | None:
    """2026-05-05, and 5/12 or 5/12/2026 with the month first, as in the United States."""
    low = tokens[at].low
    if match := re.fullmatch(r"(\d{4})-(\d\d?)-(\d\d?)", low):
        value = _make(*(int(part) for part in match.groups()))
    elif match := re.fullmatch(r"(\d\d?)/(\d\d?)(?:/(\d{4}))?", low):
        month, day = int(match.group(1)), int(match.group(2))
        if month > 12:
            month, day = day, month
        year = int(match.group(3)) if match.group(3) else None
        value = _nearest(month, day, year, today)
    else:
        return None
    return Day(at, at + 1, value) if value else None


def _relative(tokens: Sequence[Token], at: int, today: date) -> Day | None:
    low = [token.low for token in tokens[at : at + 4]]
    simple = {"today": 0, "tonight": 0, "tomorrow": 1, "yesterday": -1}
    if low[0] in simple:
        return Day(at, at + 1, today + timedelta(days=simple[low[0]]))
    if low[:4] == ["the", "day", "after", "tomorrow"]:
        return Day(at, at + 4, today + timedelta(days=2))
    if low[:3] == ["day", "after", "tomorrow"]:
        return Day(at, at + 3, today + timedelta(days=2))
    if low[:2] in (["next", "week"], ["next", "month"]):
        ahead = timedelta(weeks=1) if low[1] == "week" else timedelta(days=30)
        return Day(at, at + 2, today + ahead)
    if low[0] != "in" or at + 1 >= len(tokens):
        return None
    amount = _count(tokens, at + 1)
    if amount is None or amount.end >= len(tokens):
        return None
    unit = tokens[amount.end].low.removesuffix("s")
    if unit not in ("day", "week"):
        return None
    ahead = timedelta(days=int(amount.value * (7 if unit == "week" else 1)))
    return Day(at, amount.end + 1, today + ahead)


def _count(tokens: Sequence[Token], at: int) -> Amount | None:
    amount = amount_at(tokens, at)
    if amount is None and tokens[at].low in ("a", "an"):
        return Amount(at, at + 1, 1)
    return amount


def _weekday(tokens: Sequence[Token], at: int, today: date) -> Day | None:
    """The coming one, never today; with 'next' the one in the week that begins next Monday."""
    start, which = at, tokens[at].low
    if which in ("next", "this", "coming") and at + 1 < len(tokens):
        at += 1
    name = tokens[at].low.removesuffix("'s")
    if name not in WEEKDAYS:
        return None
    ahead = (WEEKDAYS[name] - today.weekday() - 1) % 7 + 1
    if which == "next":
        ahead = 7 - today.weekday() + WEEKDAYS[name]
    return Day(start, at + 1, today + timedelta(days=ahead))


def _month(token: Token) -> int | None:
    low = token.low
    if low in ("may", "march", "mar") and not token.is_capital:
        return None
    return MONTHS.get(low) or _SHORT.get(low)


def _month_day(tokens: Sequence[Token], at: int, today: date) -> Day | None:
    """May 5th, May fifth, the fifth of May, 5 May, each with or without a year."""
    month = _month(tokens[at])
    if month is not None and at + 1 < len(tokens):
        begin = at + 2 if tokens[at + 1].low == "the" and at + 2 < len(tokens) else at + 1
        amount = amount_at(tokens, begin)
        return _with_year(tokens, at, amount.end, month, amount, today) if amount else None
    begin = at + 1 if tokens[at].low == "the" and at + 1 < len(tokens) else at
    amount = amount_at(tokens, begin)
    if amount is None or amount.end >= len(tokens):
        return None
    end = amount.end + (tokens[amount.end].low == "of")
    month = _month(tokens[end]) if end < len(tokens) else None
    return _with_year(tokens, at, end + 1, month, amount, today) if month else None


def _with_year(
    tokens: Sequence[Token], start: int, end: int, month: int, amount: Amount, today: date
) -> Day | None:
    if not isinstance(amount.value, int):
        return None
    year = None
    behind = end + (end < len(tokens) and tokens[end].low == ",")
    if behind < len(tokens) and re.fullmatch(r"(?:19|20)\d\d", tokens[behind].low):
        year, end = int(tokens[behind].low), behind + 1
    value = _nearest(month, amount.value, year, today)
    return Day(start, end, value) if value else None


def _nearest(month: int, day: int, year: int | None, today: date) -> date | None:
    """In the year said, else the next time that this day comes."""
    if year is not None:
        return _make(year, month, day)
    value = _make(today.year, month, day)
    return _make(today.year + 1, month, day) if value is None or value < today else value


def _day_of_month(tokens: Sequence[Token], at: int, today: date) -> Day | None:
    """'on the fifth': of this month, or of the next where it is past."""
    if tokens[at].low != "the" or at + 1 >= len(tokens):
        return None
    amount = amount_at(tokens, at + 1)
    if amount is None or not amount.ordinal or not isinstance(amount.value, int):
        return None
    if amount.end < len(tokens) and tokens[amount.end].is_word and at == 0:
        return None  # 'the first one'
    if not (at and tokens[at - 1].low in ("on", "for", "by", "until")):
        return None
    month = today.month + (amount.value < today.day)
    value = _make(today.year + month // 13, (month - 1) % 12 + 1, amount.value)
    return Day(at, amount.end, value) if value else None


# ---------------------------------------------------------------- times


def clocks(tokens: Sequence[Token], *, bare: bool = False) -> list[Clock]:
    """Every time of day in the text; with `bare`, a number alone counts as an hour."""
    words = {token.low for token in tokens}
    found, at = [], 0
    while at < len(tokens):
        clock = _clock_at(tokens, at, words, bare)
        if clock is not None:
            found.append(clock)
        at = clock.end if clock else at + 1
    return found


def _clock_at(tokens: Sequence[Token], at: int, words: set[str], bare: bool) -> Clock | None:
    low = tokens[at].low
    if low in ("noon", "midday", "midnight"):
        return Clock(at, at + 1, time(0 if low == "midnight" else 12))
    if past := _past_or_to(tokens, at, words):
        return past
    if match := re.fullmatch(r"(\d\d?)(?:[:.](\d\d))?([ap]m)?", low):
        hour, minute = int(match.group(1)), int(match.group(2) or 0)
        end, half = at + 1, match.group(3) or ""
        sure = ":" in low or bool(half)
    else:
        amount = amount_at(tokens, at)
        if amount is None or amount.ordinal or not isinstance(amount.value, int):
            return None
        hour, minute, end, half, sure = amount.value, 0, amount.end, "", False
    if not sure and minute == 0 and end < len(tokens):
        minute, end = _minutes(tokens, end)
        sure = minute > 0 and at > 0 and tokens[at - 1].low in ("at", "around", "about", "by")
    return _finish(tokens, at, end, (hour, minute), half, sure or bare, words)


def _minutes(tokens: Sequence[Token], at: int) -> tuple[int, int]:
    """'seven thirty', 'seven oh five': the minutes behind an hour, and where they end."""
    if tokens[at].low in ("oh", "o") and at + 1 < len(tokens):
        amount = amount_at(tokens, at + 1)
        if amount and amount.value in range(1, 10):
            return int(amount.value), amount.end
        return 0, at
    amount = amount_at(tokens, at)
    if amount and amount.value in range(10, 60) and not amount.ordinal:
        return int(amount.value), amount.end
    return 0, at


def _past_or_to(tokens: Sequence[Token], at: int, words: set[str]) -> Clock | None:
    """Half past three, quarter to five, ten past two."""
    low = tokens[at].low
    start = at
    if low == "a" and at + 1 < len(tokens) and tokens[at + 1].low == "quarter":
        at, low = at + 1, "quarter"
    amount = None if low in ("half", "quarter") else amount_at(tokens, at)
    minutes = {"half": 30, "quarter": 15}.get(low) or (amount.value if amount else 0)
    at = amount.end if amount else at + 1
    if not isinstance(minutes, int) or not 0 < minutes < 60 or at + 1 >= len(tokens):
        return None
    way = tokens[at].low
    if way not in ("past", "to", "after", "before"):
        return None
    hour = amount_at(tokens, at + 1)
    if hour is None or not isinstance(hour.value, int) or not 0 < hour.value <= 12:
        return None
    if amount and way in ("to", "before") and minutes % 5:
        return None  # '2 to 1 7' is an id
    whole = hour.value * 60 + (minutes if way in ("past", "after") else -minutes)
    spoken = (whole // 60 or 12, whole % 60)
    return _finish(tokens, start, hour.end, spoken, "", True, words)


def _finish(
    tokens: Sequence[Token],
    start: int,
    end: int,
    spoken: tuple[int, int],
    half: str,
    sure: bool,
    words: set[str],
) -> Clock | None:
    hour, minute = spoken
    if end < len(tokens) and tokens[end].low in ("o'clock", "oclock"):
        end, sure = end + 1, True
    following = [token.low.rstrip(".") for token in tokens[end : end + 2]]
    if not half and following[:1] and following[0] in ("am", "pm", "a.m", "p.m"):
        half, end = following[0][0] + "m", end + 1
    elif not half and len(following) == 2 and following[0] in ("a", "p") and following[1] == "m":
        half, end = following[0] + "m", end + 2
    before = tokens[start - 1].low if start else ""
    other = end < len(tokens) and tokens[end].low.rstrip("s") in (*UNIT_SECONDS, "people", "person")
    sure = sure or bool(half) or (before in ("at", "around", "by") and not other)
    if not sure or hour > 23 or minute > 59:
        return None
    return Clock(start, end, time(_hour(hour, half, words), minute))


def _hour(hour: int, half: str, words: set[str]) -> int:
    """The hour of the day; where nobody said which half: 1 to 7 are after noon, 8 to 11 before."""
    if hour > 12 or hour == 0:
        return hour
    if half:
        return hour % 12 + (12 if half == "pm" else 0)
    if words & MORNING:
        return hour % 12
    if words & EVENING and hour != 12:
        return hour + 12
    return hour + 12 if hour <= 7 else hour


def durations(tokens: Sequence[Token]) -> list[Duration]:
    """Every length of time: half an hour, 90 minutes, two and a half hours."""
    found: list[Duration] = []
    for at in range(len(tokens)):
        amount = _count(tokens, at)
        if amount is None or any(at < earlier.end for earlier in found):
            continue
        end = amount.end
        if end < len(tokens) and tokens[end].low in ("a", "an", "of"):
            end += 1
        unit = tokens[end].low.removesuffix("s") if end < len(tokens) else ""
        if unit in UNIT_SECONDS:
            found.append(Duration(at, end + 1, amount.value * UNIT_SECONDS[unit]))
    return found
