"""Training: conversations as JSON lines in the chat format with tools, to fine-tune a model on.

Only calls whose callers have agreed to be kept are taken, and what they say is redacted again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.redaction.detect import Policy, redact

if TYPE_CHECKING:
    from gateway.store.database import Database
    from gateway.store.reading import Record

PAGE = 200
ROLES = {"caller": "user", "assistant": "assistant"}


async def conversations(
    database: Database, policy: Policy, tenant: str | None = None
) -> AsyncIterator[bytes]:
    """One line for each call: {"messages": […], "tools": […]}."""
    from gateway.store.reading import CallFilter, Reading

    reading = Reading(database)
    cursor = ""
    while True:
        page = await reading.calls(CallFilter(tenant=tenant, status="ended"), PAGE, cursor)
        for call in page.rows:
            if call["consent"] == "agreed":
                turns, tools = await reading.turns(call["id"]), await reading.tools(call["id"])
                if line := conversation(turns, tools, policy):
                    yield msgspec.json.encode(line)
        if not (cursor := page.cursor):
            return


def conversation(
    turns: Iterable[Record], tools: Iterable[Record], policy: Policy
) -> dict[str, Any] | None:
    """A call in the chat format; nothing where nobody has answered."""
    timed: list[tuple[int, list[dict[str, Any]]]] = []
    for turn in turns:
        text = redact(str(turn["heard"]), policy)
        if text and turn["who"] in ROLES:
            timed.append((turn["began_at"], [{"role": ROLES[turn["who"]], "content": text}]))
    names: dict[str, None] = {}
    for tool in tools:
        if tool["status"] == "done":
            names[tool["name"]] = None
            timed.append((tool["began_at"], _used(tool, policy)))
    messages = [one for _, some in sorted(timed, key=lambda line: line[0]) for one in some]
    if not any(one["role"] == "assistant" and one.get("content") for one in messages):
        return None
    line: dict[str, Any] = {"messages": messages}
    if names:
        line["tools"] = [{"type": "function", "function": {"name": name}} for name in names]
    return line


def _used(tool: Record, policy: Policy) -> list[dict[str, Any]]:
    called = {"name": tool["name"], "arguments": redact(str(tool["arguments"]), policy)}
    call = {"id": tool["tool_call_id"], "type": "function", "function": called}
    output = redact(str(tool["output"]), policy)
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": tool["tool_call_id"], "content": output},
    ]
