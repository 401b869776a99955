"""Client: opens a socket to somebody else's server."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping

from picows import WSHandshakeError, WSListener, WSTransport, ws_connect
from picows.common import WSUpgradeRequest, WSUpgradeResponse
from python_socks import ProxyError

from gateway.errors import TrunklineError
from gateway.sockets.sips import READS, sip
from gateway.sockets.socket import Socket, quiet


class RefusedError(TrunklineError):
    """The server answered the handshake with something else than a connection."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"expected a WebSocket, and the server answered with HTTP {status}")
        self.status = status  # 0: what came was no answer of HTTP
        self.body = body  # as much as came with the status


class ProxyFailedError(TrunklineError):
    """The proxy did not open the way."""


async def connect(
    url: str,
    headers: Mapping[str, str],
    *,
    largest: int,
    seconds: float,
    subprotocols: tuple[str, ...] = (),
    tls: ssl.SSLContext | None = None,
    proxy: str = "",
    ping: tuple[float, float] | None = None,
) -> Socket:
    """A connection to ws:// or wss://, in so many seconds; sent is what is given, and no more.

    `largest`: bytes of a message. Raises RefusedError, ProxyFailedError, TimeoutError, OSError.
    """
    given = dict(headers)
    if subprotocols:
        given["Sec-WebSocket-Protocol"] = ", ".join(subprotocols)

    def opened(request: WSUpgradeRequest, response: WSUpgradeResponse) -> WSListener:
        socket = Socket(largest, *(ping or ()))
        socket.subprotocol = response.headers.get("Sec-WebSocket-Protocol", "")
        return socket

    opening = asyncio.create_task(
        ws_connect(
            opened,
            url,
            ssl_context=tls,
            extra_headers=given,
            max_frame_size=largest,
            max_redirects=0,
            websocket_handshake_timeout=seconds,
            proxy=proxy or None,
            logger_name=quiet,
            read_buffer_init_size=READS,
            use_aiofastnet=url.startswith("wss:"),  # its plain transport holds 4 KB, for no gain
        ),
        name="handshake",
    )
    try:
        async with asyncio.timeout(seconds):
            transport, socket = await asyncio.shield(opening)
    except (TimeoutError, asyncio.CancelledError):
        opening.add_done_callback(_let_go)  # cut off in the middle, it would leave its socket open
        raise
    except WSHandshakeError as error:
        raise RefusedError(_status(error.raw_header or b""), error.raw_body or b"") from error
    except ProxyError as error:
        raise ProxyFailedError(f"expected a way through the proxy: {error}") from error
    if not isinstance(socket, Socket):
        raise ConnectionResetError("the connection broke during the handshake")
    sip(transport.underlying_transport)
    return socket


def _status(head: bytes) -> int:
    """Of an answer by HTTP/1.1; 0 where it is none."""
    version, _, rest = head.partition(b" ")
    number = rest[:3]
    return int(number) if version.startswith(b"HTTP/") and number.isdigit() else 0


def _let_go(opening: asyncio.Task[tuple[WSTransport, WSListener]]) -> None:
    """Nobody waits for this connection any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[0].disconnect(graceful=False)
