"""Busy: how a WebSocket is told that no call is let in, before there is one.

Programs are answered with 503 and a time to come again. A browser shows neither to its page, so
those, and whoever offers a protocol that has words for it, are told in that protocol.
"""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket

from gateway.switchboard import RETRY_AFTER


async def turned_away(websocket: WebSocket, protocol: str, why: str) -> bool:
    """Refuse the upgrade with 503; false where it is to be said in words."""
    if "origin" in websocket.headers or protocol in websocket.scope["subprotocols"]:
        return False
    await websocket.send_denial_response(PlainTextResponse(f"{why}\n", 503, RETRY_AFTER))
    return True
