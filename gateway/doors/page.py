"""Serves the browser page: its files, under headers that let it do what it needs and no more."""

from __future__ import annotations

import hashlib
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # pictures that the caller shows
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
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def routes(client_dir: Path) -> list[BaseRoute]:
    """The page at `/` and its modules under `/client/`, read once, as one version."""
    files = {
        path.name: File(path.read_bytes(), TYPES[path.suffix])
        for path in client_dir.iterdir()
        if path.suffix in TYPES
    }

    async def page(request: Request) -> Response:
        file = files.get(request.path_params.get("name", "index.html"))
        if file is None:
            return Response("There is no such file.", 404, HEADERS, "text/plain")
        return file.answer(request)

    return [Route("/", page), Route("/client/{name}", page)]


class File:
    """One file as it is served."""

    def __init__(self, content: bytes, media_type: str) -> None:
        self._content = content
        self._headers = HEADERS | {
            "content-type": media_type,
            "etag": f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        }

    def answer(self, request: Request) -> Response:
        """The content, or 304 where the browser has it already."""
        known = request.headers.get("if-none-match", "")
        if self._headers["etag"] in known:
            return Response(status_code=304, headers=self._headers)
        return Response(self._content, headers=self._headers)
