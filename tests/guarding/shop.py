"""A shop whose assistant says what it should not, in sound by which each sentence is known."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from gateway.embedded.parts import MOUTH_RATE, Say, Situation, Thought

FORBIDDEN = "You should buy shares of us."
INSTEAD = "I cannot speak of that."
ALLOWED, LOUD = 4_000, 16_000  # the level of a sentence that may be heard, and of one that may not
BETWEEN = 8_000  # no filter brings the one level up to here, or the other down

POLICY = f"""
name = "quiet shop"
version = "7"
hold = {{hold}}
[[rules]]
name = "shares"
places = ["assistant"]
words = ["buy shares"]
action = "replace"
phrase = "{INSTEAD}"
"""


def written(folder: Path, hold: str = "true", more: str = "") -> dict[str, str]:
    """The variables of a gateway with that policy in a file."""
    path = folder / "policy.toml"
    path.write_text(POLICY.format(hold=hold) + more)
    return {"TRUNKLINE_GUARD__POLICY": str(path)}


class LooseMind:
    """Says three sentences, of which the second is forbidden; or what it is told to say."""

    async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
        if INSTEAD in situation.request:
            yield Say(INSTEAD)
            return
        yield Say("Hello there, how are you? ")
        yield Say(FORBIDDEN + " ")
        yield Say("Have a nice day.")

    async def close(self) -> None:
        pass


class LevelMouth:
    """Speaks at a level of its own what holds the forbidden words, 30 ms a character."""

    async def speak(
        self, text: str, *, voice: str = "", speed: float = 1.0
    ) -> AsyncIterator[bytes]:
        level = LOUD if "shares" in text else ALLOWED
        pcm = np.full(round(len(text) * 0.03 * MOUTH_RATE), level, np.int16).tobytes()
        for at in range(0, len(pcm), 9600):
            await asyncio.sleep(0)
            yield pcm[at : at + 9600]

    async def close(self) -> None:
        pass
