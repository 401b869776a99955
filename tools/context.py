"""What a tool may know of the call that it runs in, and what it may do to it meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


class ToolError(Exception):
    """A failure that the model may be told, in words fit for the caller: "There is no order 9999."

    Any other exception is told to the model as "the tool failed", and no more.
    """


class ArgumentsError(ToolError):
    """The arguments do not fit; the words let the model mend them. It may, twice in a turn."""


class Cancellation:
    """Tells a tool that nobody waits for it any more. An async tool is cancelled besides."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = threading.Event()

    def __bool__(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """In a thread: wait at most so long; True as soon as it is cancelled."""
        return self._event.wait(seconds)

    def set(self) -> None:
        """Nobody waits any more: for whoever runs the tool."""
        self._event.set()


class Progress(Protocol):
    """Says how far a tool is."""

    def __call__(self, words: str, share: float | None = None) -> None:
        """In words fit for the caller: "I have found three of them"; and a share from 0 to 1."""
        ...


class Nowhere:
    """Stands for what cannot be done where a tool runs; says so at once, in any thread."""

    __slots__ = ("_words",)

    def __init__(self, words: str) -> None:
        self._words = words

    def __call__(self, asked: str) -> None:
        raise ToolError(self._words)


def _unheard(words: str, share: float | None = None) -> None:
    """Outside a call nobody listens."""


async def _in_thread(function: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(function)


NO_HANG_UP = Nowhere("This call cannot be ended from here.")
NO_TRANSFER = Nowhere("This call cannot be transferred.")
NO_DIGITS = Nowhere("No keys can be pressed in this call.")


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that the caller sent in this call."""

    media_type: str  # such as image/png
    data: bytes = field(repr=False)
    name: str = ""  # of the file, where it had one


@dataclass(frozen=True, slots=True)
class ToolContext:
    """The call behind a tool call; a parameter of this type is filled in, and not in the schema.

    What it does works from any thread, and has no effect once the run is over.
    """

    call_id: str = ""
    caller: str = ""  # telephone number, IP address, or whatever names the caller
    metadata: Mapping[str, str] = field(default_factory=dict)  # of the call's plan
    hang_up: Callable[[str], None] = NO_HANG_UP  # give the reason
    say: Callable[[str], None] = _unheard  # let the assistant say this while the tool runs
    progress: Progress = _unheard
    transfer: Callable[[str], None] = NO_TRANSFER  # where to
    send_digits: Callable[[str], None] = NO_DIGITS  # 0-9 * # A-D
    cancelled: Cancellation = field(default_factory=Cancellation)
    key: str = ""  # idempotency key: the same for every attempt at one function call
    consent: str = ""  # the caller's words, where the tool needed them
    images: tuple[Image, ...] = ()  # the oldest first
    tenant: str = ""  # whose call it is: one customer of the gateway, or empty
    in_thread: Callable[[Callable[[], Any]], Awaitable[Any]] = _in_thread  # for what blocks
