"""What a session with an MCP server needs besides calls: its list, its changes, why it ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx2
import mcp_types as types
from anyio.abc import TaskStatus
from mcp import Client, MCPError
from mcp.client.subscriptions import SubscriptionLost
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

LISTENING = 5.0  # seconds until a server must have agreed to tell of changes
PAGES = 50  # of tools, so that a list without end ends
MOST = 200  # tools of one server

log = logging.getLogger(__name__)


@asynccontextmanager
async def listening(client: Client, wake: asyncio.Event) -> AsyncIterator[None]:
    """From the revision of July 2026 on, changes are told only to those who ask."""
    if client.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        yield
        return

    async def listen(*, task_status: TaskStatus[None]) -> None:
        try:
            async with client.listen(tools_list_changed=True) as changes:
                task_status.started()
                async for _ in changes:
                    wake.set()
        except (MCPError, SubscriptionLost, TimeoutError) as error:
            # The poll sees changes too, if later.
            log.info("an MCP server tells no changes", extra={"reason": type(error).__name__})
            with contextlib.suppress(RuntimeError):  # it had begun before
                task_status.started()

    async with anyio.create_task_group() as group:
        with anyio.move_on_after(LISTENING):
            await group.start(listen)
        yield
        group.cancel_scope.cancel()


async def listed(client: Client) -> list[types.Tool]:
    """All the tools that the server has, page by page."""
    found: list[types.Tool] = []
    cursor: str | None = None
    for _ in range(PAGES):
        page = await client.list_tools(cursor=cursor, cache_mode="refresh")
        found += page.tools
        cursor = page.next_cursor
        if cursor is None or len(found) >= MOST:
            break
    return found[:MOST]


def reason_of(error: BaseException) -> str:
    """Why a session ended, in words that hold nothing that a server said."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return f"there is no command {error.filename}"
        case PermissionError():
            return f"{error.filename} may not be run"
        case MCPError() if error.error.code == types.CONNECTION_CLOSED:
            return "it ended before it was ready"
        case MCPError():
            return f"it answered with error {error.error.code}"
        case TimeoutError() | httpx2.TimeoutException():
            return "it gives no answer"
        case httpx2.ConnectError():
            return "it cannot be reached"
    return type(error).__name__ + (
        f": {error}" if type(error).__module__.startswith("tools.") else ""
    )
