"""Words as they are compared: without case and punctuation, numbers digit by digit."""

from __future__ import annotations

import re

SINGLE = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"]
TEENS += ["eighteen", "nineteen"]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
NUMBERS = {word: str(value) for value, word in enumerate(SINGLE)}
NUMBERS |= {word: str(10 + value) for value, word in enumerate(TEENS)}
NUMBERS |= {
    f"{ten} {one}": str(10 * value + digit)
    for value, ten in enumerate(TENS, 2)
    for digit, one in enumerate(SINGLE)
    if digit
}
NUMBERS |= {ten: str(10 * value) for value, ten in enumerate(TENS, 2)}
NUMBERS |= {"mr": "mister", "metres": "meters"}
_NUMBER = re.compile(r"\b(" + "|".join(sorted(NUMBERS, key=len, reverse=True)) + r")\b")


def normal(text: str) -> list[str]:
    """The words of a text, however its numbers are written."""
    bare = re.sub(r"[^\w\s]", "", re.sub(r"[-/]", " ", text.lower()))
    spelt = _NUMBER.sub(lambda found: NUMBERS[found[0]], bare)
    return re.sub(r"(\d)", r" \1 ", spelt).split()


def errors(said: list[str], heard: list[str]) -> int:
    """Words to put in, take out or replace to make one of the other."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(said, 1):
        above, row = row, [number]
        for at, other in enumerate(heard, 1):
            row.append(min(above[at] + 1, row[-1] + 1, above[at - 1] + (word != other)))
    return row[-1]
