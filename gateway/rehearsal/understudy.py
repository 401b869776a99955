"""An understudy for the assistant: no models, and one line: it calls the function that it is told.

So a tool can be tried within a whole call, in no time, with arguments that the test chooses.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from audio.tone import sine
from gateway.embedded.parts import (
    MOUTH_RATE,
    CallPiece,
    Heard,
    Returned,
    Say,
    Situation,
    Thought,
)
from gateway.embedded.server import Assistant
from gateway.embedded.server import serve as serve_embedded
from gateway.rehearsal.script import Script, Think, Turn, Type

PAUSE = 0.1  # seconds that the caller thinks
SAID = 0.2  # seconds of a sentence


class Deaf:
    """Ears that hear nothing: the caller writes."""

    async def transcribe(self, pcm: bytes) -> str:
        return ""

    async def close(self) -> None:
        """Nothing to close."""


class OneFunction:
    """Calls its function each time the caller has said something, and repeats what came back."""

    def __init__(self, name: str, arguments: Mapping[str, Any] | str) -> None:
        self._name = name
        self._arguments = arguments if isinstance(arguments, str) else json.dumps(arguments)

    async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
        last = situation.lines[-1] if situation.lines else None
        if isinstance(last, Heard):
            yield CallPiece(0, self._name, self._arguments)
        elif isinstance(last, Returned):
            yield Say(last.output[:200] or "Done.")
        else:
            yield Say("One moment, please.")

    async def close(self) -> None:
        """Nothing to close."""


class Hum:
    """A mouth that hums each sentence."""

    async def speak(
        self, text: str, *, voice: str = "", speed: float = 1.0
    ) -> AsyncIterator[bytes]:
        await asyncio.sleep(0)
        yield sine(220, SAID, MOUTH_RATE)

    async def close(self) -> None:
        """Nothing to close."""


@asynccontextmanager
async def understudy(name: str, arguments: Mapping[str, Any] | str) -> AsyncIterator[str]:
    """An assistant that calls this function; gives its base_url."""
    async with serve_embedded(Assistant(Deaf(), OneFunction(name, arguments), Hum())) as address:
        yield address.base_url


def script_for(name: str, says: Sequence[str], timeout: float) -> Script:
    """The caller writes these lines, one after each answer."""
    turns = tuple(Turn(Type(line), Think(PAUSE)) for line in says)
    return Script(f"the tool {name}", turns, timeout=timeout)
