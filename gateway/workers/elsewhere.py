"""Elsewhere: requests that are not, or not only, this worker's to answer.

A call's id names its worker, and so does a token that brings a caller back. New connections are
given to that worker from the start; a request that comes over a connection which has served others
before is passed on by a socket that the workers have between them. What is about all calls is asked
of every worker.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from pathlib import Path

from httpx2 import AsyncClient, AsyncHTTPTransport, HTTPError, Response
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.responses import Response as Reply
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.workers.figures import kept
from gateway.workers.merging import merged
from gateway.workers.naming import owner

HERE = "x-trunkline-here"  # of a request that another worker passes on: answer it yourself
NEXT = re.compile(r"/(?:audiosocket|chan_websocket)/next/[^/]+")
HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "content-length"}
    | {"content-encoding", "date", "server"}
)
SECONDS = 10.0  # that another worker may take
AT_ONCE = 3.0  # the same for its figures: those who collect them wait no longer than ten
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # or each request would load all certificates
Answers = dict[int, Response]  # by worker
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

    async def ask(
        self, slot: int, request: Request, body: bytes, seconds: float = SECONDS
    ) -> Response | None:
        """Its answer; nothing where it gives none."""
        place = str(self._folder / f"w-{slot}.sock")
        transport = AsyncHTTPTransport(uds=place, verify=NO_TLS)
        kept = [one for one in request.headers.raw if one[0].lower().decode() not in HOP]
        url = str(request.url.replace(scheme="http"))
        try:
            async with AsyncClient(transport=transport, timeout=seconds) as http:
                headers = [*kept, (HERE.encode(), str(self._slot).encode())]
                return await http.request(request.method, url, headers=headers, content=body)
        except HTTPError:
            return None

    async def ask_all(self, request: Request, body: bytes, seconds: float) -> Answers:
        """Whatever they answer, ourselves first."""
        order = sorted(self.all, key=lambda slot: slot != self._slot)
        asked = (self.ask(slot, request, body, seconds) for slot in order)
        answers = zip(order, await asyncio.gather(*asked), strict=True)
        return {slot: answer for slot, answer in answers if answer is not None}

    def figures(self, told: dict[int, str]) -> str:
        """One page for all, of what was told, and of what was counted where nobody answers."""
        return merged(told.values(), gone=kept(self._folder, told))


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
            seconds, joined = everywhere
            reply = joined(await self._peers.ask_all(request, await _body(request), seconds))
        await (reply(scope, receive, send) if reply else self._own(scope, receive, send))

    async def _own(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    async def _pass_on(self, slot: int, request: Request) -> Reply:
        answer = await self._peers.ask(slot, request, await _body(request))
        return PlainTextResponse("the worker is gone\n", 503) if answer is None else _reply(answer)

    def _everywhere(
        self, method: str, path: str
    ) -> tuple[float, Callable[[Answers], Reply]] | None:
        """How long all are waited for, and how their answers become one."""
        match method, path:
            case "GET", "/metrics":
                return AT_ONCE, self._figures
            case "GET", _ if NEXT.fullmatch(path):
                return SECONDS, _first
        return None

    def _figures(self, answers: Answers) -> Reply:
        good = {slot: one for slot, one in answers.items() if one.is_success}
        if not good:
            return _first(answers)
        kind = next(iter(good.values())).headers.get("content-type", "text/plain")
        page = self._peers.figures({slot: one.text for slot, one in good.items()})
        return Reply(page, headers={"content-type": kind})


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


def _first(answers: Answers) -> Reply:
    """The first that knows; else what the first said."""
    said = list(answers.values())
    if not said:
        return PlainTextResponse("no worker answers\n", 503)
    return _reply(next((one for one in said if one.is_success), said[0]))
