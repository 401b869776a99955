"""A proxy before any Realtime server, which lets go wrong on the wire what a plan says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.http11 import Request, Response

from gateway.embedded.faultplan import FaultPlan
from gateway.embedded.faultwire import End, Ending, FaultWire
from gateway.embedded.server import MAX_MESSAGE, Address
from gateway.errors import AssistantError

PASSED_ON = ("authorization", "api-key", "openai-beta", "openai-organization", "openai-project")
EXPIRED = (
    '{"type":"error","event_id":"event_end","error":{"type":"invalid_request_error","code":'
    '"session_expired","message":"Your session hit the maximum duration of 60 minutes."}}'
)


class _Ended(Exception):
    """The session is to end like this."""

    def __init__(self, how: End) -> None:
        super().__init__(how)
        self.how = how


class FaultProxy:
    """Passes each connection on to the server at `upstream`, what comes before `/realtime`."""

    def __init__(self, upstream: str, plan: FaultPlan) -> None:
        self.sessions = 0  # handshakes that were let in or refused
        self._upstream = upstream.rstrip("/")
        self._plan = plan

    async def refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a handshake that the plan refuses."""
        self.sessions += 1
        connection.trunkline_session = self.sessions  # type: ignore[attr-defined]
        await asyncio.sleep(self._plan.handshake_ms / 1000)
        if status := self._plan.refusal(self.sessions):
            return connection.respond(status, "The plan of faults refuses this.\n")
        return None

    async def carry(self, client: ServerConnection) -> None:
        """One session, from its handshake to its end."""
        assert client.request is not None
        wire = FaultWire(self._plan, client.trunkline_session)  # type: ignore[attr-defined]
        headers = {k: v for k, v in client.request.headers.raw_items() if k.lower() in PASSED_ON}
        try:
            async with connect(
                self._address(client.request.path),
                additional_headers=headers,
                compression=None,
                max_size=MAX_MESSAGE,
                proxy=None,
            ) as server:
                await self._pass(client, server, wire)
        except (OSError, WebSocketException) as fault:
            refused = isinstance(fault, InvalidStatus)
            await client.close(4000 if refused else 1013, f"upstream: {type(fault).__name__}")

    def _address(self, path: str) -> str:
        parts = urlsplit(self._upstream)
        scheme = "wss" if parts.scheme in ("https", "wss") else "ws"
        rest = path[path.index("/realtime") :] if "/realtime" in path else path
        return f"{scheme}://{parts.netloc}{parts.path}{rest}"

    async def _pass(
        self, client: ServerConnection, server: ClientConnection, wire: FaultWire
    ) -> None:
        to_server = asyncio.create_task(_copy(client, server))
        to_client = asyncio.create_task(self._disturb(client, server, wire))
        tasks = (to_server, to_client)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            fault = to_client.exception() if to_client.done() else None
            if isinstance(fault, _Ended):
                to_server.cancel()
                await asyncio.gather(to_server, return_exceptions=True)
                await _end(client, fault.how)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _disturb(
        self, client: ServerConnection, server: ClientConnection, wire: FaultWire
    ) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        end = min(wire.due(0), default=None)
        messages = aiter(server)
        while True:
            try:
                async with asyncio.timeout_at(None if end is None else began + end[0]):
                    message = await anext(messages, None)
            except TimeoutError:
                assert end is not None
                raise _Ended(end[1]) from None
            if message is None:
                await client.close(server.close_code or 1011, server.close_reason or "")
                return
            for act in wire.take(str(message), clock() - began):
                if isinstance(act, Ending):
                    raise _Ended(act.how)
                if isinstance(act, float):
                    await asyncio.sleep(act)
                else:
                    await client.send(act)


async def _copy(client: ServerConnection, server: ClientConnection) -> None:
    with suppress(ConnectionClosed):
        async for message in client:
            await server.send(message)


async def _end(client: ServerConnection, how: End) -> None:
    if how == "expire":
        await client.send(EXPIRED)
        await client.close(1001, "Your session hit the maximum duration of 60 minutes.")
    elif how == "drop":
        client.transport.abort()
    elif how == "half_open":
        client.transport.pause_reading()  # so that not even a ping is answered
        await client.wait_closed()
    else:
        with suppress(ConnectionClosed):
            async for _ in client:  # heard by nobody
                pass


@asynccontextmanager
async def serve_faults(
    upstream: str,
    plan: FaultPlan,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Address]:
    """Listen until the context ends; port 0 takes a free one. Raises AssistantError."""
    proxy = FaultProxy(upstream, plan)
    try:
        server = await serve(
            proxy.carry,
            host,
            port,
            process_request=proxy.refuse,
            compression=None,
            max_size=MAX_MESSAGE,
            ssl=tls,
            close_timeout=1,
        )
    except OSError as error:
        message = f"cannot listen on {host}:{port}: {error.strerror}. Choose a free port, or 0."
        raise AssistantError(message) from error
    async with server:
        bound = next(iter(server.sockets)).getsockname()[1]
        yield Address(host, bound, tls is not None)
