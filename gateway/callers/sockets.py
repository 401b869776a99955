"""The socket of a caller's leg, whichever side opened it: one that came here is first answered."""

from __future__ import annotations

from functools import partial
from typing import cast

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import Receive
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
    return _upgrade(websocket).socket


def lasting(route: BaseRoute) -> BaseRoute:
    """The same way in, and what leads to a socket's endpoint is done with before that begins.

    It is a dozen coroutines, middleware and routers, 5 KB, and a call lasts for an hour.
    """
    if not isinstance(route, WebSocketRoute):
        return route

    async def begin(websocket: WebSocket) -> None:
        upgrade = _upgrade(websocket)
        own = WebSocket(websocket.scope, cast(Receive, upgrade.receive), upgrade.send)
        upgrade.rest = partial(route.endpoint, own)

    return WebSocketRoute(route.path, begin, name=route.name)


def _upgrade(websocket: WebSocket) -> Upgrade:
    upgrade = websocket.scope[SCOPE]
    assert isinstance(upgrade, Upgrade)
    return upgrade
