"""Upgrade: what uvicorn makes of a request for a WebSocket, as its `ws` setting names it.

The handshake is uvicorn's own: what is asked for, what is refused and with which status. Once the
application has said yes, the connection is a `Socket`, which it finds in its scope and reads there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, cast

from picows import WSAutoPingStrategy, WSUpgradeRequest, WSUpgradeResponse
from picows.common import WSUpgradeResponseWithListener
from picows.picows import WSProtocol  # type: ignore[attr-defined]
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from gateway.sockets.sips import READS, Sips, small
from gateway.sockets.socket import FAILED, Socket, quiet

SCOPE: Final = "trunkline.upgrade"
KEY: Final = "Sec-WebSocket-Key"
RESTARTS = 1012  # a close code
REFUSAL: Final = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
OURS = frozenset({"upgrade", "connection", "sec-websocket-accept", "date"})  # of the answer


class Upgrade(WebSocketsSansIOProtocol):
    """One request, and the connection that it becomes."""

    socket: Socket | None = None  # once the application has said yes
    rest: Callable[[], Awaitable[None]] | None = None  # what the application leaves to be done

    def data_received(self, data: bytes) -> None:
        """A request; one that asks for no upgrade of RFC 6455 is answered, and not left waiting."""
        with suppress(UnicodeError):  # the library's refusal may quote what it cannot write
            super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.handshake_initiated = self.handshake_complete = True
            self.transport.write(REFUSAL)
            self.transport.close()

    def handle_connect(self, event: Request) -> None:
        """The request is whole: ask the application."""
        super().handle_connect(event)
        if not self.handshake_complete:
            cast(dict[str, Any], self.scope)[SCOPE] = self

    async def send(self, message: Any) -> None:
        """What the application has to say."""
        kind = message["type"]
        if self.socket is None and kind == "websocket.accept" and not self.disconnected:
            self._accept(message)
        elif self.socket is None:
            await super().send(message)
        elif self.socket.closed is not None:
            raise ClientDisconnected
        elif kind == "websocket.send":
            text, data = message.get("text"), message.get("bytes")
            self.socket.send(text if text is not None else data)
        elif kind == "websocket.close":
            self.socket.close(message.get("code", 1000), message.get("reason") or "")

    async def run_asgi(self) -> None:
        """Let the application have the connection; whatever it leaves open is closed."""
        try:
            await self.app(self.scope, self.receive, self.send)
            if self.rest is not None:
                await self.rest()
        except ClientDisconnected:
            pass
        except BaseException:
            self.logger.exception("Exception in ASGI application\n")
            self._fail()
        else:
            if self.socket is None and not (self.handshake_complete or self.initial_response):
                self.logger.error("ASGI callable returned without completing handshake.")
                self._fail()
        if self.socket is None:
            self.transport.close()
        else:
            self.socket.close()

    def shutdown(self) -> None:
        """The server ends."""
        if self.socket is None:
            super().shutdown()
        else:
            self.socket.close(RESTARTS)

    def _fail(self) -> None:
        if self.socket is None:
            self.send_500_response()
        else:
            self.socket.close(FAILED)

    def _accept(self, message: Any) -> None:
        """Answer with 101, and hand the connection over."""
        self.handshake_complete = True
        if self.transport.is_closing():
            raise ClientDisconnected
        socket = self.socket = Socket(
            self.config.ws_max_size,
            self.config.ws_ping_interval or 0.0,
            self.config.ws_ping_timeout or 0.0,
        )
        socket.subprotocol = message.get("subprotocol") or ""
        given = [*self.default_headers, *message.get("headers", ())]
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in given]
        if socket.subprotocol:
            headers.append(("Sec-WebSocket-Protocol", socket.subprotocol))
        headers += [one for one in self.response.headers.raw_items() if one[0].lower() not in OURS]
        answer = WSUpgradeResponse.create_101_response(headers)

        def opened(request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
            return WSUpgradeResponseWithListener(answer, socket)

        framing = WSProtocol(
            *(None, None, False, opened, quiet, True, None),
            *(False, 1.0, 1.0, WSAutoPingStrategy.PING_WHEN_IDLE, True),
            *(self.config.ws_max_size, None, READS),
        )
        self.transport.set_protocol(Sips(framing, small(framing)))
        framing.connection_made(self.transport)
        asked = (
            "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {self.request.headers[KEY]}\r\n\r\n"
        ).encode()
        framing.get_buffer(-1)[: len(asked)] = asked
        framing.buffer_updated(len(asked))
        socket.when_gone(lambda: self.connections.discard(self))
        # What only the handshake needed is 5 KB, and the call may last for hours.
        del self.conn, self.queue, self.writable, self.request, self.response
