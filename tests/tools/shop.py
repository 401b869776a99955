"""A small shop's HTTP server for tests: real sockets, and every kind of bad manners."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from gateway.running.listening import listen

MEGABYTE = b"x" * 1_000_000


@dataclass
class Seen:
    """A request as the server got it."""

    method: str
    target: str  # path with query
    headers: dict[str, str]
    body: bytes


@dataclass
class Shop:
    """The server and what it was asked."""

    address: str = ""
    seen: list[Seen] = field(default_factory=list)
    sent: int = 0  # megabytes of the endless answer
    failures: int = 0  # how often /flaky fails before it works
    pages: dict[str, str] = field(default_factory=dict)  # more texts, by path

    async def order(self, request: Request) -> Response:
        number = request.path_params["number"]
        if number == "9999":
            return JSONResponse({"detail": "no such order"}, 404)
        return JSONResponse({"number": number, "status": "sent", "lines": [{"sku": "a", "n": 1}]})

    async def echo(self, request: Request) -> Response:
        last = self.seen[-1]
        return JSONResponse({"target": last.target, "body": last.body.decode()})

    async def flaky(self, request: Request) -> Response:
        self.failures -= 1
        if self.failures >= 0:
            return PlainTextResponse("later", 503, {"Retry-After": request.query_params["after"]})
        return PlainTextResponse("at last")

    async def away(self, request: Request) -> Response:
        status = int(request.query_params.get("status", "302"))
        return Response(status_code=status, headers={"Location": request.query_params["to"]})

    async def huge(self, request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(10):
                self.sent += 1
                yield MEGABYTE

        return StreamingResponse(pieces(), media_type="text/plain")

    async def slow(self, request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"a"
            await asyncio.Event().wait()

        return StreamingResponse(pieces(), media_type="text/plain")

    async def page(self, request: Request) -> Response:
        text = self.pages.get(request.url.path)
        return Response(status_code=404) if text is None else PlainTextResponse(text)

    async def typed(self, request: Request) -> Response:
        extra = {"Content-Encoding": "gzip"} if "zip" in request.query_params else {}
        return Response(b"\x89PNG", media_type=request.query_params["as"], headers=extra)

    def application(self) -> Starlette:
        every = ["GET", "POST", "PUT", "DELETE", "PATCH"]
        app = Starlette(
            routes=[
                Route("/orders/{number}", self.order),
                Route("/echo", self.echo, methods=every),
                Route("/echo/{rest:path}", self.echo, methods=every),
                Route("/flaky", self.flaky, methods=every),
                Route("/away", self.away, methods=every),
                Route("/huge", self.huge),
                Route("/slow", self.slow),
                Route("/typed", self.typed),
                Route("/{path:path}", self.page),
            ]
        )

        async def noted(scope, receive, send):
            body, more = b"", True
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message.get("more_body", False)
            query = scope["query_string"].decode()
            target = scope["raw_path"].decode() + (f"?{query}" if query else "")
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            self.seen.append(Seen(scope["method"], target, headers, body))
            await app(scope, receive, send)

        return noted


@asynccontextmanager
async def open_shop() -> AsyncIterator[Shop]:
    """The shop on a free port."""
    shop = Shop()
    with listen("127.0.0.1", 0) as bound:
        async with serving(shop.application(), bound) as shop.address:
            yield shop


@asynccontextmanager
async def serving(application, bound) -> AsyncIterator[str]:
    """An ASGI application on a bound socket, in the running loop."""
    config = uvicorn.Config(
        application, lifespan="off", log_config=None, timeout_graceful_shutdown=1
    )
    bound.setblocking(False)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[bound])
    try:
        yield "http://{}:{}".format(*bound.getsockname()[:2])
    finally:
        for connection in list(server.server_state.connections):
            connection.shutdown()
        for task in list(server.server_state.tasks):
            task.cancel()
        await server.shutdown(sockets=[bound])
