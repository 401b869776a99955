"""Words of a caller in the settings: phrases that are looked for, or a regular expression."""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST = 400  # characters of an expression


def expression(pattern: str) -> str:
    """The pattern as it is. Raises ValueError where it is none."""
    if len(pattern) > LONGEST:
        raise ValueError(f"should have at most {LONGEST} characters")
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"should be a regular expression, but {error}") from None
    return pattern


def either(says: Iterable[str], pattern: str = "") -> str:
    """One regular expression for all of them; empty where there is none."""
    phrases = [re.escape(" ".join(one.split())) for one in says if one.strip()]
    spoken = "|".join(phrases).replace(r"\ ", r"\s+")
    parts = [rf"(?<!\w)(?:{spoken})(?!\w)"] if spoken else []
    return "|".join([*parts, f"(?:{pattern})"] if pattern else parts)
