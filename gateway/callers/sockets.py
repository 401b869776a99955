"""A WebSocket, whichever side opened it: one that came to this server, or one that we opened."""

from __future__ import annotations

from typing import Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from gateway.callers.dialect import Message

NO_ANSWER = 1011  # close code


class LineClosedError(Exception):
    """The far end has closed the socket, or the line broke."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with code {code}")
        self.code = code


class Socket(Protocol):
    """What a leg needs of a WebSocket."""

    async def accept(self) -> None:
        """Say yes to the upgrade, if nobody has. Raises LineClosedError, OSError."""
        ...

    async def receive(self) -> Message:
        """The next message. Raises LineClosedError."""
        ...

    async def send(self, message: Message) -> None:
        """In one frame. Raises LineClosedError, OSError."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close it, unless it is closed. Raises LineClosedError, OSError, RuntimeError."""
        ...


class ServerSocket:
    """One that came to this server."""

    def __init__(self, websocket: WebSocket, subprotocol: str = "") -> None:
        self._websocket = websocket
        self._subprotocol = subprotocol

    async def accept(self) -> None:
        """With the subprotocol, where that was offered."""
        if self._websocket.application_state is not WebSocketState.CONNECTING:
            return
        offered = self._websocket.scope.get("subprotocols", ())
        try:
            await self._websocket.accept(
                subprotocol=self._subprotocol if self._subprotocol in offered else None
            )
        except WebSocketDisconnect as gone:
            raise LineClosedError(gone.code) from gone

    async def receive(self) -> Message:
        """The next message."""
        received = await self._websocket.receive()
        if received["type"] == "websocket.disconnect":
            raise LineClosedError(received.get("code") or 1005)
        text: str | None = received.get("text")
        binary: bytes | None = received.get("bytes")
        return text if text is not None else binary or b""

    async def send(self, message: Message) -> None:
        """In one frame."""
        try:
            if isinstance(message, str):
                await self._websocket.send_text(message)
            else:
                await self._websocket.send_bytes(message)
        except WebSocketDisconnect as gone:
            raise LineClosedError(gone.code) from gone
        except RuntimeError as gone:  # the server closed it, for it had no answer to its pings
            raise LineClosedError(NO_ANSWER) from gone

    async def close(self, code: int, reason: str) -> None:
        """Close it, unless it is closed."""
        if self._websocket.client_state is WebSocketState.CONNECTED:
            try:
                await self._websocket.close(code, reason)
            except WebSocketDisconnect as gone:
                raise LineClosedError(gone.code) from gone


class ClientSocket:
    """One that we opened."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def accept(self) -> None:
        """The far end has said yes."""

    async def receive(self) -> Message:
        """The next message."""
        try:
            return await self._connection.recv()
        except ConnectionClosed as gone:
            raise LineClosedError(_code(gone)) from gone

    async def send(self, message: Message) -> None:
        """In one frame."""
        try:
            await self._connection.send(message)
        except ConnectionClosed as gone:
            raise LineClosedError(_code(gone)) from gone

    async def close(self, code: int, reason: str) -> None:
        """Close it, unless it is closed."""
        await self._connection.close(code, reason)


def _code(gone: ConnectionClosed) -> int:
    return gone.rcvd.code if gone.rcvd is not None else 1006
