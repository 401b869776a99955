"""A small MCP server for tests, written with the official SDK: over stdio, or HTTP at a port."""

from __future__ import annotations

import asyncio
import base64
import os
import sys

from mcp.server.mcpserver import Context, MCPServer
from mcp_types import ImageContent, TextContent, ToolAnnotations

desk = MCPServer("desk")
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "YPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


@desk.tool(annotations=ToolAnnotations(read_only_hint=True))
def order_status(order_id: str) -> dict[str, str]:
    """Look up where an order is."""
    return {"order": order_id, "status": "sent"}


@desk.tool()
def current_time() -> str:
    """A name that the gateway has, too."""
    return "noon"


@desk.tool()
def picture() -> list[TextContent | ImageContent]:
    """An image with a word about it."""
    words = TextContent(type="text", text="A receipt.")
    return [words, ImageContent(type="image", data=PIXEL, mime_type="image/png")]


@desk.tool()
async def wait_for_ever(context: Context) -> str:
    """Says how far it is, and never comes back."""
    await context.report_progress(1, 4, "a quarter")
    await asyncio.Event().wait()
    return ""


@desk.tool()
def die() -> str:
    """Ends the server in the middle of the call."""
    os._exit(3)


@desk.tool()
def fail() -> str:
    """Fails."""
    raise ValueError("no such order")


@desk.tool()
async def learn(context: Context) -> str:
    """Gives the server one more tool."""

    async def shout(words: str) -> str:
        """Say it loudly."""
        return words.upper()

    desk.add_tool(shout)
    await context.notify_tools_changed()
    return "learnt"


if __name__ == "__main__":
    sys.stderr.write(f"started with {os.environ.get('DESK_TOKEN', 'nothing')}\n")
    sys.stderr.flush()
    assert base64.b64decode(PIXEL)
    if len(sys.argv) > 1:
        desk.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        desk.run("stdio")
