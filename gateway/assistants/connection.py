"""Connection: opens a Realtime WebSocket with what the operator's settings say, and nothing else.

No variable of the environment and no redirect decides where a key goes.
"""

from __future__ import annotations

import asyncio
import ssl
from functools import lru_cache
from typing import Final
from urllib.parse import urlencode

from gateway.assistants.target import Endpoint, Target
from gateway.errors import SettingsError
from gateway.sockets.client import connect as open_socket
from gateway.sockets.socket import Socket

LARGEST_MESSAGE: Final = 16 * 1024 * 1024
CLOSE_TIMEOUT: Final = 2.0
USER_AGENT: Final = "Trunkline"


async def connect(target: Target, way: Endpoint) -> Socket:
    """Open the WebSocket; raises whatever the layers below raise."""
    tls = None
    if way.base_url.startswith("https:"):
        tls = await asyncio.to_thread(tls_context, target.ca_file)
    return await open_socket(
        address(way),
        _headers(target, way),
        largest=LARGEST_MESSAGE,
        seconds=target.patience,
        tls=tls,
        proxy=target.proxy,
    )


async def hang_up(socket: Socket) -> None:
    """End a connection normally, or cut it where the far end does not take part."""
    socket.close()
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await socket.wait_closed()
    except TimeoutError:
        socket.abort()


def address(way: Endpoint) -> str:
    """Where a session is opened."""
    query = ({"model": way.model} if way.model else {}) | dict(way.query)
    asked = f"?{urlencode(query)}" if query else ""
    return f"ws{way.base_url.removeprefix('http')}/realtime{asked}"


def _headers(target: Target, way: Endpoint) -> dict[str, str]:
    """Of two with the same name the operator's own."""
    ours = {"User-Agent": USER_AGENT}
    if target.organization:
        ours["OpenAI-Organization"] = target.organization
    if target.project:
        ours["OpenAI-Project"] = target.project
    given = {name: value.reveal() for name, value in way.headers.items()}
    found = {name.lower(): (name, value) for name, value in (ours | given).items()}
    return dict(found.values())


@lru_cache(maxsize=8)
def tls_context(ca_file: str) -> ssl.SSLContext:
    """The system's authorities and the operator's own; made once, because that takes 30 ms."""
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as fault:
            raise SettingsError(
                f"[assistant] ca_file: expected a PEM file of certificates, got {ca_file!r} "
                f"({fault.strerror or 'not PEM'})"
            ) from fault
    return context
