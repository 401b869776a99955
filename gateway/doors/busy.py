"""Busy: how a WebSocket is told that no call is let in, before there is one.

Programs are answered with 503 or 429 and a time to come again. A browser shows neither to its page,
so those, and whoever offers a protocol that has words for it, are told in that protocol.
"""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket

from gateway.switchboard import BusyError


async def turned_away(websocket: WebSocket, protocol: str, busy: BusyError) -> bool:
    """Refuse the upgrade with a status; false where it is to be said in words."""
    if "origin" in websocket.headers or protocol in websocket.scope["subprotocols"]:
        return False
    said = PlainTextResponse(f"{busy}\n", busy.status, busy.headers)
    await websocket.send_denial_response(said)
    return True
