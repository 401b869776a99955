"""Expressions: patterns in time that grows with the text alone, whoever has written them.

They are RE2's, which has neither lookaround nor references back, and so no pattern that takes for
ever. `(?i)` holds from the start.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

LONGEST = 2_000  # characters of one pattern
MEMORY = 8 << 20  # bytes for one pattern, compiled


class ExpressionError(ValueError):
    """A pattern that cannot be used; says why."""


class Expression:
    """A compiled pattern."""

    __slots__ = ("_compiled",)

    def __init__(self, pattern: str) -> None:
        import re2  # takes memory, and few gateways have rules with patterns

        options: Any = re2.Options()
        options.case_sensitive = False
        options.log_errors = False
        options.max_mem = MEMORY
        try:
            self._compiled: Any = re2.compile(pattern, options)
        except re2.error as error:
            said = error.args[0] if error.args else error
            reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
            raise ExpressionError(
                f"{pattern!r} is no regular expression of RE2: {reason}; RE2 has no lookaround"
                " (?=…) and no references back (\\1)"
            ) from None

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where it is found, from left to right."""
        return (match.span() for match in self._found(text))

    def groups(self, text: str) -> Iterator[tuple[int, int]]:
        """Where its groups are found, of which one at a time is."""
        return (match.span(match.lastindex) for match in self._found(text, match_group=True))

    def _found(self, text: str, *, match_group: bool = False) -> Iterator[Any]:
        at = 0
        text = text.encode("utf-8", "replace").decode()  # RE2 takes no lone surrogates
        while at <= len(text) and (match := self._compiled.search(text, at)) is not None:
            yield match
            end = match.end(match.lastindex) if match_group else match.end()
            at = max(end, at + 1)


def checked(pattern: str) -> Expression:
    """The pattern, fit for a policy. Raises ExpressionError for one that finds something always."""
    if len(pattern) > LONGEST:
        raise ExpressionError(f"{len(pattern)} characters in a pattern; at most {LONGEST} are read")
    expression = compiled(pattern)
    if next(expression.spans(""), None) is not None:
        raise ExpressionError(f"{pattern!r} finds the empty text, and so stops everything")
    return expression


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> Expression:
    """A pattern is compiled once in a process."""
    return Expression(pattern)


LETTER = r"[\pL\pN_]"
_BETWEEN = r"[\s\pP]+"  # between the words of a phrase
_SPELLED = r"[\s\pP]{1,2}"  # between the letters of a word that is spelled


def phrase(words: str) -> str:
    """A phrase, already folded, as a pattern: whole words; its first group is the phrase."""
    parts = words.split()
    plain = _BETWEEN.join(_word(part) for part in parts)
    kinds = [plain]
    letters = words.replace(" ", "").removesuffix("*")
    if len(letters) >= 4 and letters.isalnum():
        kinds.append(_SPELLED.join(re.escape(letter) for letter in letters))
    return rf"(?:^|[^\pL\pN_])({'|'.join(kinds)})(?:$|[^\pL\pN_])"


def _word(part: str) -> str:
    return re.escape(part.removesuffix("*")) + (rf"{LETTER}*" if part.endswith("*") else "")
