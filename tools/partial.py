"""Arguments that are still being written: what of them is certain by now."""

from __future__ import annotations

import json
from collections.abc import Collection


def so_far(text: str, required: Collection[str]) -> str:
    """The entries that no further piece can change, as a JSON object; '' where one is missing.

    A number that may go on, or a string that is not closed, is not certain yet.
    """
    end = _certain(text)
    if not end:
        return ""
    whole = text[:end] if text[:end].rstrip().endswith("}") else text[:end] + "}"
    for candidate in (whole, text[:end] + "}"):
        try:
            value = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        return candidate if isinstance(value, dict) and set(required) <= value.keys() else ""
    return ""


def _certain(text: str) -> int:
    """Where the last entry of the outer object ends that is surely complete; 0 if none is."""
    depth, end, at = 0, 0, 0
    a_value = False  # whether what comes next is the value of an outer entry
    while at < len(text):
        char = text[at]
        if char == '"':
            at = _closed(text, at)
            if not at:
                return end
            if depth == 1 and a_value:
                end = at
            continue
        at += 1
        if char in "{[":
            depth += 1
        elif char in "}]":
            depth -= 1
            if depth <= 1:
                end = at
        elif depth == 1 and char == ":":
            a_value = True
        elif depth == 1 and char == ",":
            a_value, end = False, at - 1
    return end


def _closed(text: str, at: int) -> int:
    """The place behind a string that begins there; 0 where it is not closed."""
    at += 1
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text[at] == '"':
            return at + 1
        else:
            at += 1
    return 0
