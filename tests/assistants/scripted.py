"""A scripted Realtime server on a real socket: it says what a test tells it to, and keeps notes."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Json = dict[str, Any]


@dataclass
class Peer:
    """The server's end of one connection."""

    socket: ServerConnection
    received: list[Json]

    async def emit(self, *events: Json) -> None:
        for event in events:
            await self.socket.send(json.dumps(event))

    async def open(self, session: str = "sess_1", model: str = "gpt-realtime-2.1") -> None:
        opened = {"type": "realtime", "id": session, "model": model}
        await self.emit({"type": "session.created", "event_id": "event_1", "session": opened})

    async def expect(self, kind: str) -> Json:
        """The next message of the client of this type; others before it are let by."""
        while True:
            message = json.loads(await self.socket.recv())
            self.received.append(message)
            if message["type"] == kind:
                return dict(message)

    async def until_closed(self) -> None:
        try:
            while True:
                self.received.append(json.loads(await self.socket.recv()))
        except ConnectionClosed:
            pass

    def drop(self) -> None:
        """As if somebody had pulled the cable."""
        self.socket.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class Scripted:
    """A running server and what has reached it."""

    server: Server
    scheme: str
    port: int
    requests: list[Request] = field(default_factory=list)
    received: list[Json] = field(default_factory=list)
    closed: list[tuple[int | None, str | None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}/v1"

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    @property
    def types(self) -> list[str]:
        return [message["type"] for message in self.received]


Refuse = Callable[[ServerConnection, Request], Response | None]


@asynccontextmanager
async def scripted(
    script: Script, *, tls: ssl.SSLContext | None = None, refuse: Refuse | None = None
) -> AsyncIterator[Scripted]:
    """Serve a script to every client, on a port of its own."""
    notes: Scripted

    async def handle(socket: ServerConnection) -> None:
        assert socket.subprotocol is None
        try:
            await script(Peer(socket, notes.received))
        except ConnectionClosed:
            pass
        finally:
            await socket.close()
            notes.closed.append((socket.close_code, socket.close_reason))

    async def ask(socket: ServerConnection, request: Request) -> Response | None:
        notes.requests.append(request)
        return refuse(socket, request) if refuse is not None else None

    async with serve(
        handle, "localhost", 0, ssl=tls, process_request=ask, compression=None, close_timeout=1
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        notes = Scripted(server, "https" if tls else "http", port)
        yield notes
