"""Line: what can be done with a call beside its media socket."""

from __future__ import annotations

from typing import Protocol

from gateway.errors import TrunklineError


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
