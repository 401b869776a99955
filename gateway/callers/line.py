"""Line: what can be done with a call beside its media socket."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from gateway.errors import TrunklineError

log = logging.getLogger(__name__)


class LineError(TrunklineError):
    """A provider did not do what it was asked to, in words for the caller and the operator."""


class Line(Protocol):
    """What can be done with a call beside its media socket, over the provider's own API."""

    async def hang_up(self, reason: str) -> None:
        """End the call, where closing the socket does not. Raises LineError."""
        ...

    async def transfer(self, target: str) -> None:
        """Put the caller through. Raises LineError where that cannot be done."""
        ...


async def end(line: Line, reason: str, seconds: float) -> None:
    """Some providers keep a call up whose socket is closed."""
    try:
        async with asyncio.timeout(seconds):
            await line.hang_up(reason)
    except (LineError, TimeoutError) as error:
        log.warning("the provider did not end the call", extra={"why": str(error)})


async def put_through(line: Line | None, target: str) -> None:
    """Over a line, where there is one. Raises LineError, and what else stands in the way."""
    if line is None:
        raise LineError("this line cannot put callers through")
    await line.transfer(target)
