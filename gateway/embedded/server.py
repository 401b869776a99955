"""The embedded assistant as a server: the Realtime protocol on a socket, GA and Beta shaped."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from audio.detection import detector
from gateway.embedded import access, faults
from gateway.embedded.answers import Limits
from gateway.embedded.connection import Parts
from gateway.embedded.faults import NO_FAULTS, Faults
from gateway.embedded.hearing import Listener
from gateway.embedded.parts import EARS_RATE, Ears, Mind, Mouth
from gateway.embedded.talk import Talk
from gateway.embedded.turns import TurnEnd, TurnEndByWords
from gateway.errors import AssistantError
from gateway.protocol import sessions
from gateway.protocol.reading import decoded
from gateway.protocol.wire import Json, Refused, new_id, unknown_value

log = logging.getLogger(__name__)

MAX_MESSAGE = 32 * 1024 * 1024  # bytes; a longer frame cannot even be answered
MAX_BODY = 1024 * 1024
AZURE_PREVIEW = "/openai/realtime"


@dataclass(frozen=True, slots=True)
class Assistant:
    """Who answers: what hears, what thinks, what speaks."""

    ears: Ears
    mind: Mind
    mouth: Mouth


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How the server behaves."""

    keys: frozenset[str] = frozenset()  # empty: any credential, or none, is taken
    model: str = "trunkline"  # the name of a session's model where the address gives none
    voice: str = "marin"
    session_seconds: float = 3600.0
    beta: bool = True  # clients of the Beta shape are served; False refuses them as OpenAI does
    lenient: bool = False  # unknown keys are dropped instead of refused
    limits: Limits = field(default_factory=Limits)
    faults: Faults = NO_FAULTS
    faults_by_query: bool = False  # whether ?fault=name:number is obeyed
    ping_seconds: float | None = 20.0  # between keep-alive pings
    turn_end: TurnEnd = field(default_factory=TurnEndByWords)
    wall: Callable[[], float] = time.time  # unix time, for expires_at


def build_app(assistant: Assistant, *, options: ServerOptions | None = None) -> Starlette:
    """The ASGI application; it needs a server that speaks WebSocket."""
    door = _Door(assistant, options or ServerOptions())
    return Starlette(
        routes=[
            WebSocketRoute("/v1/realtime", door.realtime),
            WebSocketRoute("/openai/v1/realtime", door.realtime),
            WebSocketRoute(AZURE_PREVIEW, door.realtime),
            Route("/v1/realtime/client_secrets", door.client_secrets, methods=["POST"]),
            Route("/openai/v1/realtime/client_secrets", door.client_secrets, methods=["POST"]),
            Route("/healthz", door.health),
        ]
    )


class _Door:
    """Looks at who comes, and opens a session or refuses it."""

    def __init__(self, assistant: Assistant, options: ServerOptions) -> None:
        self._options = options
        self._secrets = access.Secrets(options.wall)
        self._parts = Parts(
            mind=assistant.mind,
            mouth=assistant.mouth,
            listen=lambda on_words, partials: Listener(assistant.ears, on_words, partials),
            voice=lambda: detector(EARS_RATE),
            turn_end=options.turn_end,
        )

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    # ------------------------------------------------------------ secrets

    async def client_secrets(self, request: Request) -> Response:
        """Give out a short-lived key with the session that it opens."""
        key = access.credential(request.headers)
        if not access.allowed(key, self._options.keys):
            return _http_error(access.invalid_key(), 401)
        try:
            body = decoded(await _body(request) or b"{}")
            asked = access.SECRET_REQUEST(body, "body", self._options.lenient)
            wanted = asked.get("session") or {"type": "realtime"}
            session = self._session(wanted, "")
            seconds = (asked.get("expires_after") or {"seconds": 600})["seconds"]
            secret = self._secrets.mint(seconds, wanted)
        except Refused as refusal:
            return _http_error(refusal, 400)
        return JSONResponse(
            {"value": secret.value, "expires_at": secret.expires_at, "session": session}
        )

    # ------------------------------------------------------------ sessions

    async def realtime(self, websocket: WebSocket) -> None:
        """One WebSocket, from its handshake to its close."""
        try:
            ordered = self._faults(websocket)
        except ValueError as error:
            await websocket.send_denial_response(_http_error(Refused("bad", str(error)), 400))
            return
        if ordered.refuse:
            refusal = Refused("refused", "The server was ordered to refuse this.")
            await websocket.send_denial_response(_http_error(refusal, ordered.refuse))
            return
        await websocket.accept(
            "realtime" if "realtime" in websocket.scope["subprotocols"] else None
        )
        talk = Talk(
            websocket,
            beta_shape=_asks_beta(websocket) and self._options.beta,
            beta_allowed=self._options.beta,
            faults=ordered,
        )
        try:
            session = self._opened(websocket)
        except Refused as refusal:
            await talk.refuse(refusal, 3000 if refusal.code == "invalid_api_key" else 4000)
            return
        expiry = ordered.expire_ms
        await talk.run(
            session,
            self._parts,
            self._options.limits,
            seconds=self._options.session_seconds if expiry is None else expiry / 1000,
            model_named=bool(_model(websocket)),
            lenient=self._options.lenient,
        )

    def _opened(self, websocket: WebSocket) -> Json:
        """The session for whoever comes. Raises Refused."""
        if _asks_beta(websocket) and not self._options.beta:
            raise _beta_disabled()
        key = access.credential(websocket.headers, websocket.scope["subprotocols"])
        secret = self._secrets.find(key)
        if secret is None and not access.allowed(key, self._options.keys):
            raise access.invalid_key()
        query = websocket.query_params
        wanted = _wanted(query.get("intent"), query.get("call_id"), secret)
        return self._session(wanted, _model(websocket))

    def _faults(self, websocket: WebSocket) -> Faults:
        if not self._options.faults_by_query:
            return self._options.faults
        return faults.parse(websocket.query_params.getlist("fault"), self._options.faults)

    def _session(self, wanted: Json, model: str) -> Json:
        """A new session with what a secret or an address asks of it. Raises Refused."""
        options = self._options
        kind = wanted.get("type")
        if kind not in ("realtime", "transcription"):
            raise unknown_value(kind, ["realtime", "transcription"], "session.type")
        expires_at = int(options.wall() + options.session_seconds)
        session = sessions.new_session(
            kind, new_id("sess"), model or options.model, expires_at, options.voice
        )
        facts = sessions.Facts(model_named=bool(model))
        if model:
            wanted = {k: v for k, v in wanted.items() if k != "model"}
        return sessions.update(session, wanted, facts, lenient=options.lenient)


async def _body(request: Request) -> bytes:
    """The body of a request, up to a size that no session needs. Raises Refused."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise Refused("request_too_large", f"Expected a body of at most {MAX_BODY} bytes.")
    return body


def _asks_beta(websocket: WebSocket) -> bool:
    return (
        "realtime=v1" in websocket.headers.get("openai-beta", "")
        or "openai-beta.realtime-v1" in websocket.scope["subprotocols"]
        or websocket.url.path == AZURE_PREVIEW
    )


def _model(websocket: WebSocket) -> str:
    """The model that an address names; Azure calls it a deployment."""
    query = websocket.query_params
    return query.get("model") or query.get("deployment") or ""


def _beta_disabled() -> Refused:
    message = (
        "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."
    )
    return Refused("beta_api_shape_disabled", message)


def _wanted(intent: str | None, call_id: str | None, secret: access.Secret | None) -> Json:
    """The session that an address and a secret ask for. Raises Refused."""
    if call_id is not None:
        message = "This server carries no calls: open a session with ?model= instead of ?call_id=."
        raise Refused("invalid_call_id", message, "call_id")
    if intent not in (None, "realtime", "transcription"):
        supported = unknown_value(intent, ["realtime", "transcription"], "intent")
        raise Refused("invalid_intent", supported.message, "intent")
    if secret is not None and intent in (None, secret.session.get("type")):
        return secret.session
    return {"type": intent or "realtime"}


def _http_error(refusal: Refused, status: int) -> Response:
    error = {"message": refusal.message, "type": refusal.kind}
    error |= {"param": refusal.param, "code": refusal.code}  # type: ignore[dict-item]
    return JSONResponse({"error": error}, status)


# ---------------------------------------------------------------- serving


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens."""

    host: str
    port: int
    tls: bool = False

    @property
    def base_url(self) -> str:
        """What the `openai` package calls base_url."""
        return f"http{'s' if self.tls else ''}://{self._authority}/v1"

    @property
    def url(self) -> str:
        """The WebSocket address of the GA protocol."""
        return f"ws{'s' if self.tls else ''}://{self._authority}/v1/realtime"

    @property
    def _authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@asynccontextmanager
async def serve(
    assistant: Assistant,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    options: ServerOptions | None = None,
    certfile: Path | str | None = None,
    keyfile: Path | str | None = None,
) -> AsyncIterator[Address]:
    """Serve inside the running loop until the context ends; port 0 takes a free one.

    Installs no signal handlers and no logging. Raises AssistantError where it cannot listen.
    """
    options = options or ServerOptions()
    config = uvicorn.Config(
        build_app(assistant, options=options),
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE,
        ws_per_message_deflate=False,  # audio in base64 hardly shrinks, and it would cost a core
        ws_ping_interval=options.ping_seconds,
        lifespan="off",
        proxy_headers=False,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=2,
        ssl_certfile=certfile,
        ssl_keyfile=keyfile,
    )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        message = f"cannot listen on {host}:{port}: {error.strerror}. Choose a free port, or 0."
        raise AssistantError(message) from error
    with listening:
        # asyncio asks this only for sockets that name their protocol, which these do not; without
        # it a small message waits up to 40 ms for the answer to the one before.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        # Not Server.serve(), which would take the signals, and wake up ten times a second.
        await server.startup(sockets=[listening])
        try:
            yield Address(host, listening.getsockname()[1], certfile is not None)
        finally:
            await server.shutdown(sockets=[listening])
