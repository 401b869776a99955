"""A moderation endpoint on a real socket, which answers as it is told to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.running.listening import listen


@dataclass
class Endpoint:
    """Answers as OpenAI's moderation endpoint does, or as it is told to."""

    vile: str = "vile"  # the word that it flags
    answer: Any = None  # instead of what is asked for
    status: int = 200
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    async def moderate(self, request: Request) -> Response:
        body = json.loads(await request.body())
        self.asked.append(body)
        self.keys.append(request.headers.get("authorization", ""))
        bad = self.vile in body["input"]
        scores = {"hate": 0.9 if bad else 0.01, "violence": 0.02}
        flags = {"hate": bad, "violence": False}
        result = {"flagged": bad, "categories": flags, "category_scores": scores}
        return JSONResponse(self.answer or {"results": [result]}, self.status)


@asynccontextmanager
async def served(endpoint: Endpoint) -> AsyncIterator[str]:
    """The endpoint, at its address."""
    app = Starlette(routes=[Route("/v1/moderations", endpoint.moderate, methods=["POST"])])
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)
    with listen("127.0.0.1", 0) as bound:
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[bound])
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        finally:
            await server.shutdown(sockets=[bound])
