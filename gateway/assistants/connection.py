"""Connection: opens a Realtime WebSocket with the `openai` SDK, every argument explicit.

Left to itself the SDK reads OPENAI_* variables, proxies and extra headers from the environment;
here only what the operator's settings say goes out, so that a key never reaches a stranger.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from functools import lru_cache
from typing import Any, Final, cast

# These modules here, and not by the SDK at the first call, which would stop the loop meanwhile.
import websockets.asyncio.client
import websockets.sync.client  # noqa: F401
from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Omit
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.websocket_connection_options import WebSocketConnectionOptions

from gateway.assistants.target import Endpoint, Target
from gateway.errors import SettingsError

LARGEST_MESSAGE: Final = 16 * 1024 * 1024
CLOSE_TIMEOUT: Final = 1.0
PING_EVERY: Final = 5.0  # seconds; a far end that is gone is noticed within the sum of both
PONG_WITHIN: Final = 10.0
NO_KEY: Final = "none"  # the SDK insists on one; it is never sent, see `_headers`


async def connect(target: Target, way: Endpoint) -> AsyncRealtimeConnection:
    """Open the WebSocket; raises whatever the layers below raise."""
    options: dict[str, Any] = {
        "max_size": LARGEST_MESSAGE,
        "compression": None,
        "open_timeout": target.patience,
        "close_timeout": CLOSE_TIMEOUT,
        "ping_interval": PING_EVERY,
        "ping_timeout": PONG_WITHIN,
        "proxy": target.proxy or None,
    }
    if way.base_url.startswith("https:"):
        options["ssl"] = await asyncio.to_thread(tls_context, target.ca_file)
    client = AsyncOpenAI(
        api_key=NO_KEY, base_url=way.base_url, http_client=unused_http_client(), max_retries=0
    )
    # Given to the constructor, an empty one would be taken from the environment.
    client.organization = target.organization or None
    client.project = target.project or None
    # No `on_reconnecting`: what a lost session means is for the call to decide.
    manager = client.realtime.connect(
        model=way.model or Omit(),
        extra_query=way.query,
        extra_headers=_headers(way),
        websocket_connection_options=cast(WebSocketConnectionOptions, options),
    )
    return await manager.enter()


async def hang_up(connection: AsyncRealtimeConnection) -> None:
    """End a connection normally, or cut it where the far end does not take part."""
    try:
        async with asyncio.timeout(2 * CLOSE_TIMEOUT):
            await connection.close()
    except TimeoutError:
        # A close waits for what is written before it, which a stopped reader never lets through.
        connection._connection.transport.abort()


def _headers(way: Endpoint) -> dict[str, str | Omit]:
    ambient = os.environ.get("OPENAI_CUSTOM_HEADERS", "").split("\n")
    unwanted = {line.partition(":")[0].strip() for line in ambient if ":" in line}
    headers: dict[str, str | Omit] = dict.fromkeys(unwanted, Omit())
    headers["Authorization"] = Omit()
    for name, value in way.headers.items():
        for other in [known for known in headers if known.lower() == name.lower()]:
            del headers[other]
        headers[name] = value.reveal()
    return headers


@lru_cache(maxsize=1)
def unused_http_client() -> DefaultAsyncHttpxClient:
    """What the SDK insists on and a WebSocket never uses: shared, and never opened or closed."""
    return DefaultAsyncHttpxClient(trust_env=False)


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


unused_http_client()  # now, because it imports and reads for 0.1 s
