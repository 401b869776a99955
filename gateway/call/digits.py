"""Digits: telephone keys, gathered until the caller pauses, then told to the model as text."""

from __future__ import annotations

PAUSE_US = 1_500_000
KEYS = "0123456789*#ABCD"


class Digits:
    """The keys pressed since the last pause."""

    LONGEST = 64

    def __init__(self) -> None:
        self._pressed = ""
        self.deadline: int | None = None  # when they are complete

    def press(self, digit: str, now: int) -> None:
        """A key was pressed; what is no key is nothing."""
        if digit in KEYS and len(digit) == 1 and len(self._pressed) < self.LONGEST:
            self._pressed += digit
            self.deadline = now if digit == "#" else now + PAUSE_US

    def take(self, now: int) -> str:
        """The digits, once they are complete; empty until then."""
        if self.deadline is None or now < self.deadline:
            return ""
        pressed, self._pressed, self.deadline = self._pressed, "", None
        return pressed


def told(pressed: str) -> str:
    """What the model is told of digits."""
    return f"The caller pressed {' '.join(pressed)} on the telephone."
