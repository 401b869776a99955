"""A function's result said in sentences by general rules; nothing is said that is not in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import Any

from gateway.embedded.mind.quoting import quotation
from gateway.embedded.mind.sentences import for_speech, sentences
from gateway.embedded.mind.words import split_name

READY = ("say", "message", "summary", "answer", "speech", "text")  # sentences for the caller
ERRORS = ("error", "errors", "exception")
MOST = 4  # list entries, and sentences of a long text, that are said
_UNITS = {
    "c": " degrees Celsius", "celsius": " degrees Celsius", "f": " degrees Fahrenheit",
    "fahrenheit": " degrees Fahrenheit", "km": " kilometres", "kmh": " kilometres an hour",
    "kph": " kilometres an hour", "mph": " miles an hour", "percent": " percent",
    "pct": " percent", "kg": " kilograms", "minutes": " minutes", "hours": " hours",
    "days": " days", "seconds": " seconds", "mm": " millimetres", "usd": " dollars",
    "eur": " euros", "gbp": " pounds",
}  # fmt: skip
_CURRENCIES = {"USD": "dollars", "EUR": "euros", "GBP": "pounds", "$": "dollars", "€": "euros"}
_STATES = re.compile(
    r"(?:ed|able|open|closed|found|sent|paid|valid|active|ready|done|gone|shipped|in stock)$"
)


def say_result(name: str, arguments: str, output: str, today: date) -> str:
    """What a function answered, what was asked for first."""
    given = _object(arguments)
    value = _parse(output)
    lead = _lead(given, today)
    if value is None or value == "":
        return _sentence(lead + "there is no result")
    if isinstance(value, str):
        return shorten(for_speech(value))
    if isinstance(value, dict):
        return _say_object(name, value, given, lead, today)
    if isinstance(value, list):
        return _sentence(lead + _list(split_name(name), value, today))
    return _sentence(lead + f"the answer is {_plain(value, '', today)}")


def shorten(text: str) -> str:
    """The first sentences of a long text."""
    parts = sentences(text)
    return " ".join(parts[: MOST + 2]) if len(parts) > MOST + 2 else text


def _object(text: str) -> dict[str, Any]:
    value = _parse(text)
    return value if isinstance(value, dict) else {}


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()


def _say_object(
    name: str, value: dict[str, Any], given: dict[str, Any], lead: str, today: date
) -> str:
    if quoted := quotation(value, str(given.get("question", ""))):
        return quoted
    failed = value.get("ok") is False or value.get("success") is False
    error = next((value[key] for key in ERRORS if value.get(key)), None)
    if error is not None or failed:
        return _failure(error if error is not None else value.get("message"))
    for key in READY:
        if isinstance(value.get(key), str) and value[key].strip():
            return shorten(for_speech(value[key]))
    if list(value) == ["result"] and not isinstance(value["result"], dict):
        return say_result(name, json.dumps(given), _dump(value["result"]), today)
    left = {
        key: part
        for key, part in value.items()
        if not (key in given and str(given[key]) == str(part)) and key not in ("ok", "success")
    }
    if not left:
        return f"{lead}that is done." if lead else "That is done."
    facts = _facts(left, today)
    if not facts:
        return _sentence(lead + "nothing is known")
    first = _sentence(lead + _join(facts[:2]))
    rest = [_sentence(_join(facts[at : at + 2])) for at in range(2, len(facts), 2)]
    return " ".join([first, *rest])


def _dump(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _failure(error: Any) -> str:
    detail = error.get("message") or error.get("code") if isinstance(error, dict) else error
    if isinstance(detail, str) and detail.strip():
        told = for_speech(detail).strip().rstrip(".")
        if re.fullmatch(r"[a-z0-9_]+", told):
            told = told.replace("_", " ")
        return f"I am sorry, that did not work: {told}."
    return "I am sorry, that did not work."


def _lead(given: Mapping[str, Any], today: date) -> str:
    """'For order 4217, ' from the first argument that tells what was asked about."""
    for key, value in given.items():
        if isinstance(value, str | int) and not isinstance(value, bool) and len(str(value)) <= 40:
            label = split_name(key).removesuffix(" id").removesuffix(" number")
            told = _plain(value, key, today)
            plain = label in ("city", "location", "place", "id", "number", "date", "day", "country")
            return f"For {told}, " if plain else f"For {label} {told}, "
    return ""


def _facts(value: Mapping[str, Any], today: date, owner: str = "") -> list[str]:
    """One clause for each entry; entries of objects inside say whose they are."""
    facts: list[str] = []
    currency = _CURRENCIES.get(str(value.get("currency", "")).upper(), value.get("currency") or "")
    for key, part in value.items():
        label = f"{owner} {split_name(key)}".strip()
        if part is None or key == "currency":
            continue
        if isinstance(part, dict):
            facts += _facts(part, today, label)
        elif isinstance(part, list):
            facts.append(_list(label, part, today))
        elif isinstance(part, bool):
            facts.append(_yes_no(label, part))
        else:
            facts.append(_fact(key, label, part, str(currency), today))
    return facts


def _fact(key: str, label: str, part: Any, currency: str, today: date) -> str:
    unit = _UNITS.get(split_name(key).split()[-1], "") if isinstance(part, int | float) else ""
    if unit and " " in label:
        label = label.rsplit(" ", 1)[0]
    elif unit:
        unit = ""
    money = re.search(r"price|total|amount|cost|balance|fee", key)
    if currency and money and isinstance(part, int | float):
        unit = f" {currency}"
    label = label.removesuffix(" id") if label.endswith(" id") else label
    label = re.sub(r" (?:at|on)$", " date", label) if _moment(part) else label
    return f"the {label} is {_plain(part, key, today)}{unit}"


def _yes_no(label: str, part: bool) -> str:
    if label.startswith("is "):
        return f"it is {'' if part else 'not '}{label[3:]}"
    if label.startswith("has "):
        return f"it has {'' if part else 'no '}{label[4:]}"
    if _STATES.search(label):
        return f"it is {'' if part else 'not '}{label}"
    return f"{label}: {'yes' if part else 'no'}"


def _list(label: str, value: list[Any], today: date) -> str:
    noun = re.sub(r"^(?:get|list|find|search|look up|fetch|show|available)\s+", "", label)
    if not noun.endswith("s"):
        noun = "results"
    if not value:
        return "nothing was found" if noun == "results" else f"there are no {noun}"
    told = [_entry(one, today) for one in value[:MOST]]
    more = [f"{len(value) - MOST} more"] if len(value) > MOST else []
    joined = _join([*told, *more])
    if len(value) == 1:
        return f"there is one result: {joined}" if noun == "results" else f"the {noun}: {joined}"
    return f"there are {len(value)} {noun}: {joined}"


def _entry(one: Any, today: date) -> str:
    if isinstance(one, dict):
        name = next((one[k] for k in ("name", "title", "label", "item") if one.get(k)), None)
        rest = {k: v for k, v in one.items() if v != name and not isinstance(v, dict | list)}
        told = [f"{split_name(k)} {_plain(v, k, today)}" for k, v in list(rest.items())[:3]]
        return (
            " ".join([str(name), *(["with", _join(told)] if told else [])])
            if name
            else ", ".join(told)
        )
    if isinstance(one, list):
        return _join([_entry(part, today) for part in one[:MOST]])
    return _plain(one, "", today)


def _plain(value: Any, key: str, today: date) -> str:
    """A value as it is spoken."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "not known"
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    text = str(value).strip()
    if moment := _moment(text):
        return _spoken_moment(moment, today)
    if re.fullmatch(r"\d{5,}", text) and not isinstance(value, int):
        return " ".join(text)
    if re.search(r"(?:^|_)id$|number", key) and re.fullmatch(r"\d{5,}", text):
        return " ".join(text)
    return for_speech(text.replace("_", " ")).rstrip(".")


def _moment(value: Any) -> datetime | date | time | None:
    if not isinstance(value, str):
        return None
    text = value.strip()
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return date.fromisoformat(text)
        if re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", text):
            return datetime.fromisoformat(text)
        if re.fullmatch(r"\d\d:\d\d(?::\d\d)?", text):
            return time.fromisoformat(text)
    except ValueError:
        return None
    return None


def _spoken_moment(moment: datetime | date | time, today: date) -> str:
    if isinstance(moment, time):
        return _spoken_time(moment)
    day = f"{moment:%A, %B} {moment.day}"
    if moment.year != today.year:
        day += f", {moment.year}"
    return f"{day} at {_spoken_time(moment.time())}" if isinstance(moment, datetime) else day


def _spoken_time(moment: time) -> str:
    if (moment.hour, moment.minute) in ((0, 0), (12, 0)):
        return "midnight" if moment.hour == 0 else "noon"
    minutes = f":{moment.minute:02}" if moment.minute else ""
    return f"{moment.hour % 12 or 12}{minutes} {'AM' if moment.hour < 12 else 'PM'}"


def _join(parts: Iterable[str]) -> str:
    told = list(parts)
    return " and ".join([", ".join(told[:-1]), told[-1]]) if len(told) > 1 else "".join(told)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(". ") + "."
