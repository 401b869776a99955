"""When the user begins and ends to speak, as the server hears it. Pure: time is counted in samples.

Server VAD ends a turn after a fixed silence. Semantic VAD asks a TurnEnd how long to wait, given
the words so far: not long after a finished sentence, up to the documented limit after an open one.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Protocol

FRAME_MS = 20
WINDOW = 6  # frames looked at together: speech is when enough of 120 ms is voiced

# The longest wait of semantic VAD, in milliseconds, as documented.
LONGEST = {"low": 8_000, "medium": 4_000, "auto": 4_000, "high": 2_000}
FINISHED = {"low": 700, "medium": 400, "auto": 400, "high": 300}


@dataclass(frozen=True, slots=True)
class Started:
    """The user began to speak; `at` is in milliseconds written, prefix padding included."""

    at: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """The user's turn is over; `at` is in milliseconds written, the silence included."""

    at: int


class TurnDetector:
    """Turns from frames that are voiced or not."""

    def __init__(self, threshold: float, prefix_ms: int, wait: Callable[[], int]) -> None:
        self._need = max(1, ceil(threshold * WINDOW))
        self._prefix = prefix_ms
        self._wait = wait
        self._recent: deque[bool] = deque(maxlen=WINDOW)
        self._last_voice = 0
        self.speaking = False

    def feed(self, voiced: bool, now: int, floor: int) -> Started | Stopped | None:
        """Take the frame that ends at `now`; a turn begins no earlier than `floor`."""
        self._recent.append(voiced)
        active = sum(self._recent) >= self._need
        if active and voiced:
            self._last_voice = now
        if not self.speaking and active:
            self.speaking = True
            first = list(self._recent).index(True)
            begun = now - FRAME_MS * (len(self._recent) - first)
            return Started(max(floor, begun - self._prefix))
        if self.speaking and now - self._last_voice >= self._wait():
            self.reset()
            return Stopped(now)
        return None

    def reset(self) -> None:
        """Nobody speaks."""
        self.speaking = False
        self._recent.clear()


class TurnEnd(Protocol):
    """Judges by the words whether the user has finished."""

    def wait_ms(self, words: str, eagerness: str) -> int:
        """How much silence ends the turn after these words."""
        ...


# Words after which hardly anybody has finished a sentence in English.
_OPEN = """
a an and are as at because but eh er for from i if in into is it's i'm i'd i'll its just my of on or
our than that's the their there's these to uh uhm um until very whose with your
"""
OPEN_WORDS = frozenset(_OPEN.split())
_WORD = re.compile(r"[\w']+")
_NUMBER = re.compile(
    r"(\d[\d ,.-]*|zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple)[\s.,!?]*$",
    re.IGNORECASE,
)


class TurnEndByWords:
    """The default: an open sentence waits long, a number a little, a finished sentence hardly."""

    def wait_ms(self, words: str, eagerness: str) -> int:
        longest, finished = LONGEST[eagerness], FINISHED[eagerness]
        said = words.strip()
        if not said:
            return finished * 2  # speech whose words are not known yet
        if said.endswith("?"):
            return finished
        last = _WORD.findall(said.lower())
        if said.endswith(("...", "…", ",", "-", ":")) or (last and last[-1] in OPEN_WORDS):
            return longest
        if _NUMBER.search(said):
            return min(longest, finished * 2)  # more digits may follow
        return finished
