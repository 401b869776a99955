"""The composition root: which legs exist, which routes lead to them, how all begins and ends.

This is the only place that knows every part. `open_gateway` is a gateway from its first breath to
its last, in the running loop; `serve` is one that listens until it is told to stop.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from audio import vad
from audio.format import pcm16
from gateway import page
from gateway.announcements import assistant_lost
from gateway.assistants import catalogue
from gateway.assistants.openai import endpoint, open_leg
from gateway.assistants.target import Target
from gateway.call.plan import Plan
from gateway.callers.browser import SUBPROTOCOL, BrowserDialect, Greeting
from gateway.callers.websocket import LONGEST_REASON, MAX_FRAME, WebSocketLeg
from gateway.embedded.assemble import assemble
from gateway.embedded.server import serve as serve_embedded
from gateway.entrance import NO_TOKEN, refusal
from gateway.errors import SettingsError, WireError
from gateway.files import client_dir
from gateway.listening import listen
from gateway.log import calling
from gateway.session import Session, Tap
from gateway.settings import Settings
from gateway.switchboard import BusyError, Switchboard
from gateway.taps.journal import Journal
from gateway.taps.metrics import Metrics
from gateway.taps.recording import Recording
from gateway.taps.transcripts import Transcripts
from gateway.toolrunner import ToolRunner, specs
from tools import ToolDefinitionError, ToolLoadError
from tools.builtin import current_time, hang_up
from tools.toolbox import Toolbox

log = logging.getLogger(__name__)

RATE = 24_000  # Hz inside a browser's call: no leg of it resamples
DRAIN_SECONDS = 10.0
BUSY = 1013  # close code: try again later
FORBIDDEN = 1008


@dataclass(frozen=True, slots=True)
class Gateway:
    """Everything that the calls of one process share."""

    settings: Settings
    target: Target
    toolbox: Toolbox
    switchboard: Switchboard
    metrics: Metrics

    def routes(self) -> list[BaseRoute]:
        """Every way in."""
        return [
            WebSocketRoute("/browser", self.browser),
            Route("/healthz", self.health),
            Route("/readyz", self.readiness),
            Route("/metrics", self.metrics_page),
            *page.routes(client_dir()),
        ]

    # ------------------------------------------------------------ calls

    async def browser(self, websocket: WebSocket) -> None:
        """A call from the page, or from any program that speaks its protocol."""
        if said := refusal(websocket, self.settings.server):
            await _turn_away(websocket, FORBIDDEN, said)
            return
        try:
            plan = self.plan(self.switchboard.new_call_id())
        except BusyError as busy:
            await _turn_away(websocket, BUSY, str(busy))
            return
        greeting = Greeting(plan.call_id, self.assistant_name, plan.turns.detector)
        leg = WebSocketLeg(
            websocket, BrowserDialect(greeting), plan.format, subprotocol=SUBPROTOCOL
        )
        with calling(plan.call_id):
            await self.switchboard.connect(self.session(plan, leg))

    def plan(self, call_id: str) -> Plan:
        """What the settings make of a call."""
        assistant = self.settings.assistant
        model = catalogue.load().models.get(endpoint(self.target).model)
        billed = model is not None and self.target.kind != "embedded"
        return Plan(
            call_id=call_id,
            rate=RATE,
            instructions=assistant.instructions,
            voice=assistant.voice,
            language=assistant.language,
            transcription=assistant.transcription or catalogue.load().default_transcription,
            greeting=assistant.greeting,
            tools=specs(self.toolbox),
            turns=self.settings.turn_policy(),
            playback=self.settings.playback_policy(),
            idle=self.settings.idle_policy(),
            audio_price=model.audio.input if model and billed else 0.0,
            lost_notice=assistant_lost(pcm16(RATE)),
        )

    def session(self, plan: Plan, leg: WebSocketLeg) -> Session:
        """A call from that leg, with all that watches it."""
        second = None if self.settings.turns.second_opinion else False
        return Session(
            plan,
            leg,
            open_leg(self.target, plan.format),
            ToolRunner(self.toolbox, plan),
            vad.detector(plan.rate, second_opinion=second),
            self._taps(plan),
        )

    def _taps(self, plan: Plan) -> list[Tap]:
        kept = self.settings.taps
        taps: list[Tap] = [self.metrics.tap(plan)]
        for folder, kind, ending in (
            (kept.journal, Journal, ".journal.jsonl"),
            (kept.recording, Recording, ".wav"),
            (kept.transcripts, Transcripts, ".transcript.jsonl"),
        ):
            if folder:
                try:
                    taps.append(kind(Path(folder) / f"{plan.call_id}{ending}", plan))
                except (OSError, ValueError) as error:
                    log.error("nothing is kept", extra={"tap": kind.__name__, "error": str(error)})
        return taps

    @property
    def assistant_name(self) -> str:
        """Who answers, in a word for people."""
        model = endpoint(self.target).model
        return self.target.kind if self.target.kind == "embedded" else f"{self.target.kind} {model}"

    # ------------------------------------------------------------ for operators

    async def health(self, request: Request) -> Response:
        """The process lives."""
        return JSONResponse({"status": "ok"})

    async def readiness(self, request: Request) -> Response:
        """Another call would be let in."""
        calls = self.switchboard.statistics()
        ready = self.switchboard.ready
        body = {"ready": ready, "calls": calls.live, "assistant": self.assistant_name}
        return JSONResponse(body, 200 if ready else 503)

    async def metrics_page(self, request: Request) -> Response:
        """The figures, for Prometheus."""
        if said := refusal(request, self.settings.server):
            return PlainTextResponse(said + "\n", 401 if said is NO_TOKEN else 403)
        return Response(self.metrics.page(), media_type="text/plain; version=0.0.4")


async def _turn_away(websocket: WebSocket, code: int, message: str) -> None:
    """Say why, in the caller's own protocol, and close."""
    offered = websocket.scope["subprotocols"]  # a browser hears nothing where none is chosen
    await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    dialect = BrowserDialect(Greeting("", "", ""))
    for text in dialect.farewell("", WireError(message, code)):
        assert isinstance(text, str)
        await websocket.send_text(text)
    await websocket.close(code, message.encode()[:LONGEST_REASON].decode(errors="ignore"))


# ---------------------------------------------------------------- from beginning to end


@asynccontextmanager
async def open_gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """A gateway with its tools, and with the embedded assistant where no other is configured."""
    async with AsyncExitStack() as parts:
        toolbox = parts.enter_context(_toolbox(settings))
        target = _target(settings)
        if target.kind == "embedded" and not target.base_url:
            mind = settings.assistant.mind
            chat = mind.kind == "chat"
            assistant = await parts.enter_async_context(
                assemble(
                    base_url=mind.base_url if chat else "",
                    model=mind.model if chat else "",
                    api_key=mind.api_key.reveal() if chat else "",
                )
            )
            address = await parts.enter_async_context(serve_embedded(assistant))
            target = replace(target, base_url=address.base_url)
        endpoint(target)  # says now what is missing, not at the first call
        switchboard = Switchboard(settings.server.max_calls)
        yield Gateway(settings, target, toolbox, switchboard, Metrics())
        await switchboard.drain(DRAIN_SECONDS)


def _toolbox(settings: Settings) -> Toolbox:
    try:
        return Toolbox.load(*settings.tools.modules, tools=(current_time, hang_up))
    except (ToolLoadError, ToolDefinitionError) as error:
        raise SettingsError(f"tools.modules: {error}") from error


def _target(settings: Settings) -> Target:
    chosen = settings.assistant
    return Target(
        kind=chosen.kind,
        base_url=chosen.base_url,
        model=chosen.model,
        api_key=chosen.api_key,
        organization=chosen.organization,
        project=chosen.project,
        safety_identifier=chosen.safety_identifier,
        provider=chosen.provider,
        api_version=chosen.api_version,
        ca_file=chosen.ca_file,
        proxy=chosen.proxy,
    )


@asynccontextmanager
async def listening(gateway: Gateway, bound: socket.socket) -> AsyncIterator[str]:
    """Serve the gateway on a bound socket inside the running loop; gives its http address."""
    config = uvicorn.Config(
        Starlette(routes=gateway.routes()),
        ws="websockets-sansio",
        ws_max_size=MAX_FRAME,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    bound.setblocking(False)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[bound])
    host, port = bound.getsockname()[:2]
    try:
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    finally:
        await server.shutdown(sockets=[bound])


async def serve(settings: Settings) -> None:
    """Listen until SIGINT or SIGTERM; live calls then say their last words. Twice: at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with listen(settings.server.host, settings.server.port) as bound:
        async with open_gateway(settings) as gateway, listening(gateway, bound) as address:
            me = asyncio.current_task()
            assert me is not None

            def told_to_stop() -> None:
                if stop.is_set():
                    me.cancel()
                stop.set()

            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, told_to_stop)
            log.info("ready", extra={"address": address, "assistant": gateway.assistant_name})
            await stop.wait()
            log.info("stopping", extra={"calls": gateway.switchboard.statistics().live})
            await gateway.switchboard.drain(DRAIN_SECONDS)
