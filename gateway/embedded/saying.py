"""How a text is read aloud: what is written for the eye becomes words, and words phrases."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_MONEY: Final = {
    "$": ("dollar", "cent"),
    "€": ("euro", "cent"),
    "£": ("pound", "penny"),
}
_SHORT: Final = {
    "e.g.": "for example",
    "i.e.": "that is",
    "etc.": "and so on",
    "approx.": "approximately",
    "vs.": "versus",
    "incl.": "including",
    "excl.": "excluding",
    "a.s.a.p.": "as soon as possible",
    "asap": "as soon as possible",
    "tel.": "telephone",
    "qty.": "quantity",
    "mins": "minutes",
    "hrs": "hours",
}
_SIGNS: Final = {
    ".": "dot",
    "-": "dash",
    "_": "underscore",
    "+": "plus",
    "/": "slash",
    ":": "colon",
}

# After these words a number is a name: it is read digit by digit, whatever its length.
_NAMES: Final = (
    r"order|ticket|case|account|invoice|reference|ref|tracking|confirmation|booking|customer|"
    r"member|membership|policy|claim|serial|part|pin|code|passcode|extension|ext|zip|postcode|"
    r"phone|card|id|number|no|flight|room|parcel|package|shipment|ending|ending in"
)


def sayable(text: str) -> str:
    """The text as it is spoken: no markup, no symbols, ids digit by digit. Plain words stay."""
    for rule, spoken in _RULES:
        text = rule.sub(spoken, text)
    return re.sub(r"[ \t]+([,.;:!?])", r"\1", re.sub(r"[ \t]+", " ", text)).strip()


# ---------------------------------------------------------------- phrases


@dataclass(frozen=True, slots=True)
class Phrase:
    """As much as is synthesised at once, and the pause after it in milliseconds."""

    text: str
    pause: int


_SENTENCE: Final = re.compile(r"(?<=[.!?…])[\"”)\]]*\s+(?=\S)|\n+")
_CLAUSE: Final = re.compile(r"(?<=[,;:—–])\s+|\s+[–—-]\s+")  # noqa: RUF001 (the dashes are meant)
_NO_END: Final = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|Sr|Jr|Mt)|\b[A-Z])\.$")
_SOON: Final = 70  # characters; a first sentence as short as this is begun soon enough
_AFTER_SENTENCE, _AFTER_CLAUSE, _AFTER_ALL = 260, 130, 60


def phrases(text: str, longest: int = 160) -> Iterator[Phrase]:
    """A sayable text in phrases: sentences, and long ones at commas, or at words if need be.

    The first sentence is also parted at an early comma, so that its beginning is heard sooner.
    """
    parts = [
        (piece, last)
        for index, sentence in enumerate(_sentences(text))
        for piece, last in _clauses(sentence, longest, index == 0)
        if re.search(r"\w", piece)
    ]
    for index, (piece, ends) in enumerate(parts, 1):
        pause = _AFTER_SENTENCE if ends else _AFTER_CLAUSE
        yield Phrase(piece, _AFTER_ALL if index == len(parts) else pause)


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for gap in _SENTENCE.finditer(text):
        so_far = text[start : gap.start()]
        if "\n" in gap.group() or not (_NO_END.search(so_far) or text[gap.end()].islower()):
            yield so_far
            start = gap.end()
    yield text[start:]


def _clauses(sentence: str, longest: int, soon: bool) -> Iterator[tuple[str, bool]]:
    """The pieces of a sentence, each with whether it is the last one."""
    pieces: list[str] = []
    if soon and len(sentence) > _SOON and (comma := _CLAUSE.search(sentence, 20, _SOON)):
        pieces.append(sentence[: comma.start()])
        sentence = sentence[comma.end() :]
    done = len(pieces)
    for clause in [sentence] if len(sentence) <= longest else _CLAUSE.split(sentence):
        for piece in _cut(clause, longest):
            if piece is clause and pieces[done:] and len(pieces[-1] + piece) < longest:
                pieces[-1] += " " + piece
            else:
                pieces.append(piece)
    for index, piece in enumerate(pieces, 1):
        yield piece, index == len(pieces)


def _cut(clause: str, longest: int) -> Iterator[str]:
    """A clause with no comma to part it at is parted between words, one of no words anywhere."""
    while len(clause) > longest:
        at = clause.rfind(" ", 1, longest)
        at = at if at > 0 else longest
        yield clause[:at]
        clause = clause[at:].lstrip()
    yield clause


# ---------------------------------------------------------------- rules, in the order they apply


def _digits(number: str) -> str:
    """4217 -> 4 2 1 7; longer ones in groups of three and four, with a breath between."""
    count = len(number)
    size = 4 if count % 4 == 0 else 3
    cuts = list(range(0, count - 1 if count % size == 1 else count, size)) if count > 4 else [0]
    groups = [number[at:to] for at, to in zip(cuts, [*cuts[1:], count], strict=True)]
    return ", ".join(" ".join(group) for group in groups)


def _spell(mixed: str) -> str:
    """AB-1042 -> A B, 1 0 4 2."""
    runs = re.findall(r"[A-Za-z]+|\d+", mixed)
    return ", ".join(_digits(run) if run.isdigit() else " ".join(run.upper()) for run in runs)


def _code(found: re.Match[str]) -> str:
    """1Z999AA10 -> 1, Z, 9 9 9, A A, 1 0: letters and several digits mixed are nobody's word."""
    count = sum(character.isdigit() for character in found[0])
    return _spell(found[0]) if 4 <= count < len(found[0]) else found[0]


def _named(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2] or ' '}{_spell(found[3])}"


def _address(found: re.Match[str]) -> str:
    """An e-mail or web address: its words, and the signs between them by name."""
    body = found[0].removesuffix(".")
    body = re.sub(r"^https?://(?:www\.)?|/$", "", body).split("?")[0].split("#")[0]
    body = body.replace("@", " at ")
    body = re.sub(r"[.\-_+/:]", lambda sign: f" {_SIGNS[sign[0]]} ", body)
    body = re.sub(r"\d{2,}", lambda number: " ".join(number[0]), body)
    return re.sub(r" +", " ", body).strip() + ("." if found[0].endswith(".") else "")


def _ordinal(day: int) -> str:
    ending = "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"


def _date(found: re.Match[str]) -> str:
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return found[0]
    said = f"{_MONTHS[month - 1]} {_ordinal(day)}, {year}"
    return f"{said} at {_hour(found[4], found[5], '')}" if found[4] else said


def _time(found: re.Match[str]) -> str:
    return _hour(found[1], found[2], found[3] or "") if int(found[1]) < 25 else found[0]


def _hour(hour: str, minute: str, half: str) -> str:
    """14:05 -> 2 oh 5 PM; 7:30 pm -> 7 30 PM; 10:00 -> 10 o'clock."""
    count, named = int(hour) % 24, {"a": " AM", "p": " PM"}.get(half[:1].lower(), "")
    if not named and minute == "00" and count % 12 == 0:
        return "noon" if count else "midnight"
    if not named and not 1 <= count <= 12:
        named = " PM" if count else " AM"
    count = count % 12 or 12
    if minute == "00":
        return f"{count}{named}" if named else f"{count} o'clock"
    return f"{count} {minute if minute[0] != '0' else 'oh ' + minute[1]}{named}"


def _money(found: re.Match[str]) -> str:
    unit, part = _MONEY[found[1]]
    whole, cents = found[2].replace(",", ""), found[3]
    if scale := found[4]:
        return f"{found[2]}{'.' + cents if cents else ''} {scale} {unit}s"
    said = f"{whole} {unit}{'' if whole == '1' else 's'}"
    if not cents or not int(cents):
        return said
    several = "pence" if part == "penny" else f"{part}s"
    small = f"{int(cents)} {part if int(cents) == 1 else several}"
    return small if whole == "0" else f"{said} and {small}"


def _phone(found: re.Match[str]) -> str:
    plus = "plus " if found[0].startswith("+") else ""
    return plus + ", ".join(" ".join(group) for group in re.findall(r"\d+", found[0]))


def _short(found: re.Match[str]) -> str:
    """An abbreviation in full. Its full stop also ends the sentence where nothing follows."""
    said = _SHORT[found[0].lower()]
    return said + (
        "." if found[0].endswith(".") and not found.string[found.end() :].strip() else ""
    )


_ABBREVIATIONS: Final = "|".join(re.escape(word) for word in sorted(_SHORT, key=len, reverse=True))

_RULES: Final[tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = (
    # Markup, which models write even when told not to
    (re.compile(r"```.*?```", re.S), " "),
    (re.compile(r"!?\[([^\[\]\n]{0,200})\]\([^()\s]{0,500}\)"), r"\1"),
    (re.compile(r"[*_`]{1,3}(\S(?:[^*_`\n]*\S)?)[*_`]{1,3}(?!\w)"), r"\1"),
    (re.compile(r"^[ \t]*(?:#{1,6}|[-*•>])[ \t]+", re.M), ""),
    (re.compile(r"</?[A-Za-z][^<>\n]{0,80}>|[\[\]{}|\\^~*`]"), " "),
    # Emoji, arrows, and what else has no sound
    (re.compile("[\u2190-\u21ff\u2600-\u27bf\u2b00-\u2bff\ufe0f\U0001f000-\U0001faff]"), " "),
    (re.compile("[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u2028-\u202e\ufeff]"), " "),
    (re.compile("[’‘]"), "'"),  # noqa: RUF001 (these very quotes)
    # Addresses, dates, times, money, numbers
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}\.?"), _address),
    (re.compile(r"(?:https?://|www\.)[^\s,;!)\"']+"), _address),
    (re.compile(r"\b(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::\d\d(?:\.\d+)?)?Z?)?\b"), _date),
    (re.compile(r"\b(\d{1,2}):([0-5]\d)(?::\d\d)?(?:\s?([AaPp])\.?[Mm]\b\.?)?(?!\d)"), _time),
    (
        re.compile(r"([$€£])\s?(\d+(?:,\d{3})*)(?:\.(\d\d?))?(?:\s(thousand|million|billion))?\b"),
        _money,
    ),
    (
        re.compile(r"\+\d{1,3}(?:[ .-]?\(?\d{2,4}\)?){2,5}\b|(?<![\w-])(?:\d{3}-)?\d{3}-\d{4}\b"),
        _phone,
    ),
    (
        re.compile(
            rf"\b((?:{_NAMES})s?)((?: (?:number|no\.?|id|code|is|was))*(?: |: ?|, ))#?"
            r"([A-Z]{0,4}-?\d[\d-]*\d{2}(?:-?[A-Z]{1,2})?)(?![\w%]|[.,]\d)",
            re.I,
        ),
        _named,
    ),
    (re.compile(r"(?<![\w&])(#)()(\d+)\b"), lambda found: f"number {_digits(found[3])}"),
    (re.compile(r"\b[A-Z]{1,4}-?\d{3,}(?:-\d+)*[A-Z]?\b"), lambda found: _spell(found[0])),
    (re.compile(r"\b[A-Z\d]{8,40}\b"), _code),
    (re.compile(r"(?<!\d[.,])\b(?:0\d+|\d{7,})\b(?![.,]\d)"), lambda found: _digits(found[0])),
    # Short forms and signs
    (re.compile(rf"(?<![\w.])(?:{_ABBREVIATIONS})(?!\w)", re.I), _short),
    (re.compile(r"\s&\s"), " and "),
    (re.compile(r"(?<=\d)\s?%"), " percent"),
    (re.compile(r"\s?°\s?C\b"), " degrees Celsius"),
    (re.compile(r"\s?°\s?F\b"), " degrees Fahrenheit"),
    (re.compile(r"°"), " degrees"),
    (re.compile(r"\s?[…]\s?|\.{3,}\s?"), "... "),
)
