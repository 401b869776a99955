"""Serves the browser page: its files, under headers that let it do what it needs and no more."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.staticfiles import StaticFiles

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "cache-control": "no-cache",  # ask each time; unchanged files answer 304
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
TYPES = {".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


def routes(client_dir: Path) -> list[BaseRoute]:
    """The page at `/` and its modules under `/client/`."""
    files = StaticFiles(directory=client_dir)

    async def page(request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        response = await files.get_response(name, request.scope)
        response.headers.update(HEADERS)
        if (kind := TYPES.get(Path(name).suffix)) and "content-type" in response.headers:
            response.headers["content-type"] = kind  # some systems map .js to text/plain
        return response

    return [Route("/", page), Route("/client/{name:path}", page)]
