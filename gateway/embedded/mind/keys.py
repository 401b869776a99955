"""Telephone keys: the sentence by which a gateway tells of them is none of the caller's.

Read like speech, "on the telephone" would be near to what a function says of calls: hanging up.
"""

from __future__ import annotations

import re

_TOLD = re.compile(r"The caller pressed ((?:[0-9*#A-D] ?)+) on the telephone\.")
_NAMES = {"*": "star", "#": "pound"}


def pressed(text: str) -> str:
    """The keys of such a sentence, as `12#`; empty where it is another one."""
    told = _TOLD.fullmatch(text.strip())
    return told[1].replace(" ", "") if told else ""


def as_said(text: str) -> str:
    """Keys as if the caller had said their number; any other words as they are."""
    return pressed(text).strip("*#") if pressed(text) else text


def acknowledged(text: str) -> str:
    """What is said of keys that no question asked for; empty where none were pressed."""
    names = " ".join(_NAMES.get(key, key) for key in pressed(text))
    return f"You pressed {names}. What can I do for you?" if names else ""
