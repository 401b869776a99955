"""The socket of a caller's leg, whichever side opened it: one that came here is first answered."""

from __future__ import annotations

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from gateway.sockets.socket import Socket
from gateway.sockets.upgrade import SCOPE, Upgrade

NO_ANSWER = 1011  # close code


async def answered(websocket: WebSocket | Socket, subprotocol: str = "") -> Socket | None:
    """Say yes to the upgrade, if nobody has; with the subprotocol, where that was offered.

    None where nobody is there any more.
    """
    if isinstance(websocket, Socket):
        return websocket
    if websocket.application_state is WebSocketState.CONNECTING:
        offered = websocket.scope.get("subprotocols", ())
        chosen = subprotocol if subprotocol in offered else None
        try:
            await websocket.accept(subprotocol=chosen)
        except (WebSocketDisconnect, OSError):
            return None
    upgrade = websocket.scope[SCOPE]
    assert isinstance(upgrade, Upgrade)
    return upgrade.socket
