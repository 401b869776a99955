"""What a tool may know of the call that it runs in, and the one thing that it may do to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


class ToolError(Exception):
    """A failure that the model may be told, in words fit for the caller: "There is no order 9999."

    Any other exception is told to the model as "the tool failed", and no more.
    """


def _cannot_hang_up(reason: str) -> None:
    raise ToolError("This call cannot be ended from here.")


@dataclass(frozen=True, slots=True)
class ToolContext:
    """The call behind a tool call; a parameter of this type is filled in, and not in the schema."""

    call_id: str = ""
    caller: str = ""  # telephone number, IP address, or whatever names the caller
    metadata: Mapping[str, str] = field(default_factory=dict)
    hang_up: Callable[[str], None] = _cannot_hang_up  # give the reason; works from any thread
