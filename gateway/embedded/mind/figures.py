"""Numbers as people say them: amounts such as 'one hundred and five', and ids digit by digit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.embedded.mind.words import Token

UNITS = {
    word: number
    for number, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
}
TENS = {
    word: 10 * number
    for number, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2
    )
} | {"fourty": 40}
SCALES = {"thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
ORDINALS = {
    word: number
    for number, word in enumerate(
        [
            "first",
            "second",
            "third",
            "fourth",
            "fifth",
            "sixth",
            "seventh",
            "eighth",
            "ninth",
            "tenth",
            "eleventh",
            "twelfth",
            "thirteenth",
            "fourteenth",
            "fifteenth",
            "sixteenth",
            "seventeenth",
            "eighteenth",
            "nineteenth",
        ],
        start=1,
    )
} | {"twentieth": 20, "thirtieth": 30}
NATO = {
    word: word[0].upper()
    for word in [
        "alpha",
        "bravo",
        "charlie",
        "delta",
        "echo",
        "foxtrot",
        "golf",
        "hotel",
        "india",
        "juliet",
        "kilo",
        "lima",
        "mike",
        "november",
        "oscar",
        "papa",
        "quebec",
        "romeo",
        "sierra",
        "tango",
        "uniform",
        "victor",
        "whiskey",
        "xray",
        "yankee",
        "zulu",
    ]
} | {"alfa": "A", "juliett": "J", "whisky": "W", "x-ray": "X"}
HOMOPHONES = {"for": "4", "to": "2", "too": "2", "won": "1", "ate": "8"}
LETTER_OH = {"oh", "o"}
REPEATS = {"double": 2, "triple": 3}
_PLAIN = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Amount:
    """A number that covers the tokens from start to end."""

    start: int
    end: int
    value: int | float
    ordinal: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """An id of digits and letters that covers the tokens from start to end."""

    start: int
    end: int
    text: str


def amounts(tokens: Sequence[Token]) -> list[Amount]:
    """Every number in the text, the longest reading at each place."""
    found, at = [], 0
    while at < len(tokens):
        amount = amount_at(tokens, at)
        if amount is not None:
            found.append(amount)
        at = amount.end if amount else at + 1
    return found


def amount_at(tokens: Sequence[Token], at: int) -> Amount | None:
    """The number that begins at this token, if one does."""
    low = tokens[at].low
    if match := re.fullmatch(r"(\d+)(?:st|nd|rd|th)", low):
        return Amount(at, at + 1, int(match.group(1)), ordinal=True)
    if _PLAIN.fullmatch(low):
        return _with_scale(tokens, at, at + 1, _number(low))
    if low in ("a", "an", "half"):
        return _vague(tokens, at)
    if low == "couple" or low == "dozen":
        return Amount(at, at + 1, 2 if low == "couple" else 12)
    if low in UNITS or low in TENS or low in ORDINALS:
        return _spoken(tokens, at)
    return None


def _number(digits: str) -> int | float:
    plain = digits.replace(",", "")
    return float(plain) if "." in plain else int(plain)


def _vague(tokens: Sequence[Token], at: int) -> Amount | None:
    rest = [token.low for token in tokens[at + 1 : at + 3]]
    if tokens[at].low == "half":
        return Amount(at, at + 1, 0.5)
    if rest[:1] and rest[0] in ("hundred", "thousand", "million"):
        return Amount(at, at + 2, 100 if rest[0] == "hundred" else SCALES[rest[0]])
    if rest[:1] == ["couple"]:
        return Amount(at, at + (3 if rest[1:] == ["of"] else 2), 2)
    return Amount(at, at + 2, 12) if rest[:1] == ["dozen"] else None


def _with_scale(tokens: Sequence[Token], start: int, end: int, value: int | float) -> Amount:
    if end < len(tokens) and tokens[end].low in SCALES | {"hundred": 100}:
        scale = (SCALES | {"hundred": 100})[tokens[end].low]
        return Amount(start, end + 1, value * scale)
    return Amount(start, end, value)


def _spoken(tokens: Sequence[Token], start: int) -> Amount:
    """English number words: hundreds below scales, 'and' inside, 'point' digits behind."""
    total, group, at, last, ordinal = 0, 0, start, "", False
    while at < len(tokens) and not ordinal:
        low = tokens[at].low
        kind = _kind(low)
        if low == "and" and last in ("hundred", "scale") and _begins_small(tokens, at + 1):
            at += 1
            continue
        if not _may_follow(last, kind, group, low):
            break
        if kind == "hundred":
            group = max(group, 1) * 100
        elif kind == "scale":
            total, group = total + max(group, 1) * SCALES[low], 0
        else:
            ordinal = kind.startswith("ordinal")
            group += UNITS.get(low, TENS.get(low, ORDINALS.get(low, 0)))
        last, at = kind, at + 1
    return _with_fraction(tokens, start, at, total + group, ordinal)


def _kind(low: str) -> str:
    if low in TENS:
        return "tens"
    if low in UNITS:
        return "unit" if UNITS[low] < 10 else "teen"
    if low in ORDINALS:
        return "ordinal" if ORDINALS[low] < 10 else "ordinal teen"
    return "hundred" if low == "hundred" else "scale" if low in SCALES else ""


def _may_follow(last: str, kind: str, group: int, low: str) -> bool:
    if kind in ("unit", "ordinal"):
        return last in ("", "hundred", "scale") or (last == "tens" and low != "zero")
    if kind in ("tens", "teen", "ordinal teen"):
        return last in ("", "hundred", "scale")
    if kind == "hundred":
        return last in ("unit", "teen", "tens") and group < 100
    return kind == "scale" and group > 0


def _begins_small(tokens: Sequence[Token], at: int) -> bool:
    return at < len(tokens) and _kind(tokens[at].low) in ("unit", "teen", "tens", "ordinal")


def _with_fraction(
    tokens: Sequence[Token], start: int, at: int, value: int, ordinal: bool
) -> Amount:
    if ordinal or at + 1 >= len(tokens):
        return Amount(start, at, value, ordinal)
    if [token.low for token in tokens[at : at + 3]] == ["and", "a", "half"]:
        return Amount(start, at + 3, value + 0.5)
    if tokens[at].low != "point":
        return Amount(start, at, value)
    end, digits = at + 1, ""
    while end < len(tokens) and tokens[end].low in UNITS and UNITS[tokens[end].low] < 10:
        digits, end = digits + str(UNITS[tokens[end].low]), end + 1
    return Amount(start, end, float(f"{value}.{digits}")) if digits else Amount(start, at, value)


# ---------------------------------------------------------------- ids


def codes(tokens: Sequence[Token]) -> list[Code]:
    """Every run of digits and letters that may be an id, joined as it was meant."""
    found, at = [], 0
    while at < len(tokens):
        code = _code_at(tokens, at)
        if code is not None and any(char.isdigit() for char in code.text):
            found.append(code)
        at = code.end if code else at + 1
    return found


def _code_at(tokens: Sequence[Token], start: int) -> Code | None:
    parts: list[str] = []
    at, large = start, ""
    while at < len(tokens):
        if parts and _is_joint(tokens, at, parts[-1]):
            at += 1
            continue
        end, part = _part(tokens, at, parts)
        if not part or (part == large and len(part) > 3 and parts):
            break
        parts.append(part)
        at, large = end, part
    return Code(start, at, "".join(parts)) if parts else None


def _is_joint(tokens: Sequence[Token], at: int, last: str) -> bool:
    """A dash word or the comma between digits said one by one; a comma after 4217 ends the id."""
    low = tokens[at].low
    if low not in ("dash", "hyphen", ",", "-") or at + 1 >= len(tokens):
        return False
    following = _part(tokens, at + 1, [last])[1]
    return bool(following) and (low != "," or (len(last) == 1 and len(following) == 1))


def _part(tokens: Sequence[Token], at: int, before: Sequence[str]) -> tuple[int, str]:
    """The next piece of an id and where it ends; an empty piece is none."""
    token = tokens[at]
    low = token.low
    if low in REPEATS and at + 1 < len(tokens):
        end, part = _part(tokens, at + 1, ["0"])
        return (end, part * REPEATS[low]) if len(part) == 1 else (at, "")
    if low in UNITS or low in TENS:
        amount = _spoken(tokens, at)
        whole = isinstance(amount.value, int) and not amount.ordinal
        return (amount.end, str(amount.value)) if whole else (at, "")
    if re.fullmatch(r"\d+(?:[,-]\d+)*", low):
        return at + 1, re.sub(r"[,-]", "", low)
    if low in LETTER_OH:
        return (at + 1, "0") if _digits_near(tokens, at, before) else (at, "")
    if low in HOMOPHONES:
        return (at + 1, HOMOPHONES[low]) if _is_homophone(tokens, at, before) else (at, "")
    return _letters(tokens, at, before)


def _letters(tokens: Sequence[Token], at: int, before: Sequence[str]) -> tuple[int, str]:
    token = tokens[at]
    low = token.low
    if re.fullmatch(r"(?=.*\d)[a-z0-9]{2,}", low):
        return at + 1, token.text.upper()
    following = [token.low for token in tokens[at + 1 : at + 4]]
    if len(low) == 1 and low.isalpha():
        if following[:2] == ["as", "in"] and following[2:]:
            return at + 4, low.upper()
        if following[:1] == ["for"] and following[1:] and following[1].startswith(low):
            return at + 3, low.upper()
        if before or (token.is_capital and low not in "ia") or _leads_to_digits(tokens, at + 1):
            return at + 1, low.upper()
    if low in NATO and (before or _leads_to_digits(tokens, at + 1)):
        return at + 1, NATO[low]
    capitals = token.text.isupper() and token.text.isalpha() and 2 <= len(token.text) <= 4
    return (at + 1, token.text) if capitals and _leads_to_digits(tokens, at + 1) else (at, "")


def _leads_to_digits(tokens: Sequence[Token], at: int) -> bool:
    for token in tokens[at : at + 4]:
        if token.low in UNITS or token.low in TENS or token.text[0].isdigit():
            return True
        if not (token.low in NATO or len(token.low) == 1 or token.low in ("dash", "hyphen")):
            return False
    return False


def _digits_near(tokens: Sequence[Token], at: int, before: Sequence[str]) -> bool:
    follows = at + 1 < len(tokens) and _is_digit(tokens[at + 1])
    return follows or bool(before and before[-1][-1].isdigit())


def _is_digit(token: Token) -> bool:
    return token.low in LETTER_OH or UNITS.get(token.low, 10) < 10 or token.low in "0123456789"


def _is_homophone(tokens: Sequence[Token], at: int, before: Sequence[str]) -> bool:
    """'order for two one seven' means 4 2 1 7, 'a table for two' does not."""
    following = tokens[at + 1 : at + 3]
    if not following or not _is_digit(following[0]):
        return bool(before) and len(before) >= 2 and not following and len(before[-1]) == 1
    second = len(following) == 1 or _is_digit(following[1]) or not following[1].is_word
    if before:
        return len(before[-1]) == 1 and second
    numbered = at > 0 and tokens[at - 1].low in ("order", "number", "id", "code", "reference", "is")
    return numbered and len(following) == 2 and _is_digit(following[1])
