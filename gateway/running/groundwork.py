"""Groundwork: what calls in a format take is loaded before the first of them begins.

That is what reckons with samples and what detects speech, where the format needs them, and the
gateway's own recordings. It is done in a thread: it takes hundredths of a second, and a network's
weights tenths, in which no live call is to stand still. A gateway that only telephones call never
loads what it takes to change a rate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from audio.format import Format


class Groundwork:
    """Knows for which formats all is there."""

    def __init__(self) -> None:
        self._laid: set[Format] = set()
        self._one = asyncio.Lock()

    async def lay(self, call: Format, load: Callable[[Format], None]) -> None:
        """Wait until all is there for calls in that format; whoever is the first has it loaded."""
        async with self._one:
            if call not in self._laid:
                await asyncio.to_thread(load, call)
                self._laid.add(call)
