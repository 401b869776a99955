"""What callers have asked to be remembered, from one call to the next: the tools for it."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, Field

from tools.context import ToolContext, ToolError
from tools.spec import Tool, tool

UNKNOWN = "Nobody knows who is calling, so that nothing can be kept for another call."
NAMELESS = frozenset({"anonymous", "unknown", "private", "restricted", "unavailable", "withheld"})


class Note(BaseModel):
    """Something remembered."""

    topic: str
    note: str
    day: str  # ISO 8601, on which it was said last


class Notebook(Protocol):
    """The notes of all callers, each tenant's and caller's apart."""

    async def put(self, tenant: str, caller: str, topic: str, note: str) -> None:
        """Keep a note; one of the same caller and topic gives way."""
        ...

    async def find(self, tenant: str, caller: str, about: str = "") -> list[Note]:
        """The caller's notes with any of these words, best first; without words the newest."""
        ...


def memory_tools(notebook: Notebook) -> tuple[Tool[..., Any], ...]:
    """The tools `remember` and `recall`."""

    @tool(idempotent=True)
    async def remember(
        context: ToolContext,
        topic: Annotated[str, Field(min_length=1, max_length=80, description="What it is about.")],
        note: Annotated[str, Field(min_length=1, max_length=500, description="What to keep.")],
    ) -> str:
        """Keep something that the caller wants remembered for this and later calls."""
        await notebook.put(context.tenant, _caller(context), topic, note)
        return "It is noted."

    @tool(side_effects=False)
    async def recall(
        context: ToolContext,
        about: Annotated[
            str, Field(max_length=200, description="In a few words; left out: the latest.")
        ] = "",
    ) -> list[Note] | str:
        """Look up what this caller had remembered, now or in earlier calls."""
        found = await notebook.find(context.tenant, _caller(context), about)
        return found or "There is nothing noted about that."

    return remember, recall


def is_person(caller: str) -> bool:
    """Whether that names somebody: behind an IP address or a withheld number there may be many."""
    if not caller.strip() or caller.strip().casefold() in NAMELESS:
        return False
    try:
        ipaddress.ip_address(caller)
    except ValueError:
        return True
    return False


def _caller(context: ToolContext) -> str:
    if not is_person(context.caller):
        raise ToolError(UNKNOWN)
    return context.caller
