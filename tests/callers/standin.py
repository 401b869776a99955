"""A provider's API, stood in for on a real socket: writes down what it is asked, and answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.running.listening import listen
from tools.context import ToolContext
from tools.spec import Tool, tool


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body) if self.body else None


@dataclass
class StandIn:
    """The API; `answers`: what to say to a path's end, else `usual`."""

    address: str = ""
    usual: tuple[int, Any] = (200, {"data": {"result": "ok"}})
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    @property
    def orders(self) -> list[str]:
        """What it was asked: method and path."""
        return [f"{one.method} {one.path}" for one in self.asked]

    async def answer(self, request: Request) -> Response:
        body, path = await request.body(), request.url.path
        self.asked.append(Asked(request.method, path, dict(request.headers), body))
        fitting = (said for end, said in self.answers.items() if path.endswith(end))
        status, said = next(fitting, self.usual)
        text = b"" if said is None else json.dumps(said).encode()
        return Response(text, status, media_type="application/json")


@asynccontextmanager
async def standing_in(**said: Any) -> AsyncIterator[StandIn]:
    """A stand-in that listens."""
    api = StandIn(**said)
    methods = ["GET", "POST", "PUT", "DELETE"]
    app = Starlette(routes=[Route("/{path:path}", api.answer, methods=methods)])
    config = uvicorn.Config(
        app, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    with listen("127.0.0.1", 0) as bound:
        bound.setblocking(False)
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[bound])
        api.address = f"http://127.0.0.1:{bound.getsockname()[1]}"
        try:
            yield api
        finally:
            await server.shutdown(sockets=[bound])


def put_through(target: str) -> Tool[..., Any]:
    """A tool of that name which has the caller put through."""

    async def put_through(context: ToolContext) -> str:
        """Put the caller through."""
        context.transfer(target)
        return "The caller is being put through."

    return tool(put_through)
