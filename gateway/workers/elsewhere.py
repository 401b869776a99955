"""Elsewhere: requests that are not, or not only, this worker's to answer.

A call's id names its worker, and so does a token that brings a caller back. New connections are
given to that worker from the start; a request that comes over a connection which has served others
before is passed on by a socket that the workers have between them. What is about all calls is asked
of every worker.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from httpx2 import AsyncClient, AsyncHTTPTransport, HTTPError, Response
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.responses import Response as Reply
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.workers.merging import merged
from gateway.workers.naming import owner

HERE = "x-trunkline-here"  # of a request that another worker passes on: answer it yourself
NEXT = re.compile(r"/(?:audiosocket|chan_websocket)/next/[^/]+")
HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "content-length"}
    | {"content-encoding", "date", "server"}
)
SECONDS = 10.0  # that another worker may take
LONGEST = 4 * 1024 * 1024  # bytes of a request that is passed on
MISDIRECTED = 421


class Peers:
    """The sockets of all workers, in the folder that they share."""

    def __init__(self, folder: Path, slot: int) -> None:
        self._folder, self._slot = folder, slot

    @property
    def all(self) -> list[int]:
        """Those that live, ourselves too."""
        return sorted(int(path.stem.rpartition("-")[2]) for path in self._folder.glob("w-*.sock"))

    async def ask(self, slot: int, request: Request, body: bytes) -> Response | None:
        """Its answer; nothing where it gives none."""
        transport = AsyncHTTPTransport(uds=str(self._folder / f"w-{slot}.sock"))
        kept = [one for one in request.headers.raw if one[0].lower().decode() not in HOP]
        url = str(request.url.replace(scheme="http"))
        try:
            async with AsyncClient(transport=transport, timeout=SECONDS) as http:
                headers = [*kept, (HERE.encode(), str(self._slot).encode())]
                return await http.request(request.method, url, headers=headers, content=body)
        except HTTPError:
            return None

    async def ask_all(self, request: Request, body: bytes) -> list[Response]:
        """Whatever they answer, ourselves first."""
        order = sorted(self.all, key=lambda slot: slot != self._slot)
        answers = await asyncio.gather(*(self.ask(slot, request, body) for slot in order))
        return [one for one in answers if one is not None]

    def gone(self) -> list[str]:
        """The last pages of figures of workers that live no more."""
        with suppress(OSError):
            return [path.read_text() for path in self._folder.glob("gone*.prom")]
        return []


class Elsewhere:
    """Stands before a worker's application."""

    def __init__(self, app: ASGIApp, peers: Peers, slot: int) -> None:
        self._app, self._peers, self._slot = app, peers, slot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request, or an upgrade."""
        if scope["type"] not in ("http", "websocket") or _passed_on(scope):
            await self._app(scope, receive, send)
            return
        path, query = scope["path"], scope["query_string"].decode("latin-1")
        whose = owner(path, query)
        theirs = whose is not None and whose != self._slot and whose in self._peers.all
        if scope["type"] == "websocket":
            await (
                _misdirected(scope, receive, send) if theirs else self._own(scope, receive, send)
            )
            return
        reply = None
        request = Request(scope, receive)
        if theirs:
            assert whose is not None
            reply = await self._pass_on(whose, request)
        elif (everywhere := self._everywhere(scope["method"], path)) is not None:
            answers = await self._peers.ask_all(request, await _body(request))
            reply = everywhere(answers)
        await (reply(scope, receive, send) if reply else self._own(scope, receive, send))

    async def _own(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    async def _pass_on(self, slot: int, request: Request) -> Reply:
        answer = await self._peers.ask(slot, request, await _body(request))
        return PlainTextResponse("the worker is gone\n", 503) if answer is None else _reply(answer)

    def _everywhere(self, method: str, path: str) -> Callable[[list[Response]], Reply] | None:
        """How the answers of all become one."""
        match method, path:
            case "GET", "/metrics":
                return self._figures
            case "GET", _ if NEXT.fullmatch(path):
                return _first
        return None

    def _figures(self, answers: list[Response]) -> Reply:
        good = [one.text for one in answers if one.is_success]
        if not good:
            return _first(answers)
        kind = answers[0].headers.get("content-type", "text/plain")
        return Reply(merged(good, self._peers.gone()), headers={"content-type": kind})


def _passed_on(scope: Scope) -> bool:
    return any(name == HERE.encode() for name, _ in scope["headers"])


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST:
            break  # whoever reads it says that it is too long
    return body


async def _misdirected(scope: Scope, receive: Receive, send: Send) -> None:
    """An upgrade over a connection that others have used: begin it again over one of its own."""
    await receive()
    headers = [(b"connection", b"close"), (b"content-type", b"text/plain")]
    extra = "websocket.http.response"
    await send({"type": f"{extra}.start", "status": MISDIRECTED, "headers": headers})
    await send({"type": f"{extra}.body", "body": b"Open a new connection for this call.\n"})


def _reply(answer: Response) -> Reply:
    reply = Reply(answer.content, answer.status_code)
    kept = [(name, value) for name, value in answer.headers.raw if name.lower().decode() not in HOP]
    reply.raw_headers = [*kept, (b"content-length", str(len(answer.content)).encode())]
    return reply


def _first(answers: list[Response]) -> Reply:
    """The first that knows; else what the first said."""
    if not answers:
        return PlainTextResponse("no worker answers\n", 503)
    return _reply(next((one for one in answers if one.is_success), answers[0]))
