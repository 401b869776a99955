"""Opening: a gateway with all that it needs, from its parts to the socket on which it serves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from gateway.admission.access import open_access
from gateway.admission.load_reports import open_load_reports
from gateway.admission.pressure import Pressure, resident
from gateway.api.routes import open_api, strayed
from gateway.app import Gateway
from gateway.budgets.budgets import open_budgets
from gateway.callers.parting import MAX_FRAME
from gateway.callers.sockets import lasting
from gateway.doors.desk import open_desk
from gateway.doors.front_door import LARGEST
from gateway.guarding.checking import open_checker
from gateway.identity.who import OPERATOR
from gateway.phrasebook import PhraseBook
from gateway.plans.planning import Planner, target_of
from gateway.privacy.keeping import keeping
from gateway.running.books import open_books
from gateway.running.policies import digest
from gateway.running.standing import open_standing
from gateway.settings import Settings
from gateway.settings.needs import needs_embedded
from gateway.sharing.common import open_common
from gateway.sockets.upgrade import Upgrade
from gateway.switchboard import Switchboard
from gateway.taps.flushing import open_flusher
from gateway.taps.metrics import Metrics
from gateway.taps.transcripts import mend
from gateway.toolbelt.sources import open_tools

if TYPE_CHECKING:
    from gateway.store.store import Store
    from gateway.workers.member import Member
    from gateway.workers.table import Seats

START = replace(OPERATOR, credential="start")  # who the audit says it was
PING, PONG = 5.0, 10.0  # seconds: a socket whose far end is gone is found within their sum
BUSY = 1013  # close code: try again later


@asynccontextmanager
async def open_gateway(
    settings: Settings, *, assistant: str = "", seats: Seats | None = None
) -> AsyncIterator[Gateway]:
    """A gateway with its tools, and with the embedded assistant where no other is configured.

    Workers of one gateway have an `assistant` in common, at that address, and `seats` of a table.
    """
    async with AsyncExitStack() as parts:
        store = await parts.enter_async_context(open_books(settings))
        standing = await parts.enter_async_context(open_standing(settings, store))
        tools = await parts.enter_async_context(
            open_tools(settings.tools, kept=standing.kept(settings))
        )
        pressure = Pressure(settings.limits)
        target, embedded = target_of(settings.assistant), ""
        if needs_embedded(settings):
            embedded = assistant or await parts.enter_async_context(open_embedded(settings))
            if target.kind == "embedded" and not target.base_url:
                target = replace(target, base_url=embedded)
        planner = Planner(settings, target, embedded)
        planner.check()  # says now what is missing, not at a call
        planner.warn()
        live = standing.holders
        custodian = await parts.enter_async_context(keeping(settings, store, live))
        switchboard = Switchboard(settings.server.max_calls, pressure.why, seats)
        metrics = _metrics(switchboard, pressure, store)
        budgets = await parts.enter_async_context(open_budgets(settings, store, metrics.claim))
        access = await parts.enter_async_context(open_access(settings, store))
        rules = settings.guard.rules
        access.note("started", START, policy=digest(settings), rules=rules.label)
        flusher = await parts.enter_async_context(open_flusher())
        checker = await parts.enter_async_context(open_checker(rules))
        if folder := settings.taps.transcripts:
            mend(Path(folder), settings.privacy.lock())
        yield Gateway(
            *(settings, target, tools.toolbox, switchboard, metrics, embedded, tools.links, store),
            access=access,
            flusher=flusher,
            checker=checker,
            pressure=pressure,
            phrases=PhraseBook(Path(folder) if (folder := settings.phrasebook.folder) else None),
            standing=standing,
            custodian=custodian,
            budgets=budgets,
        )
        await switchboard.drain(settings.shutdown.goodbye_s)


def _metrics(board: Switchboard, pressure: Pressure, store: Store | None) -> Metrics:
    metrics = Metrics()
    metrics.tally("calls_refused", "Calls that were turned away", lambda: board.refused)
    metrics.gauge("loop_lag_seconds", "95th percentile of the last 5 s", pressure.lag.p95)
    metrics.gauge("tasks", "Tasks of the event loop", lambda: len(asyncio.all_tasks()))
    metrics.tally("cpu_seconds", "Time of a core that the process has used", process_time)
    metrics.gauge("resident_bytes", "Memory that the process holds", resident)
    if store is not None:
        metrics.watch(store.writer.statistics)
    return metrics


@asynccontextmanager
async def open_embedded(settings: Settings, port: int = 0) -> AsyncIterator[str]:
    """The assistant that ships with Trunkline, at its address; 0 is any free port."""
    # Only here: whoever calls another model needs none of what it is made of.
    from gateway.embedded.assemble import assemble
    from gateway.embedded.server import serve as serve_embedded

    mind = settings.assistant.mind
    chat = mind.kind == "chat"
    async with (
        assemble(
            base_url=mind.base_url if chat else "",
            model=mind.model if chat else "",
            api_key=mind.api_key.reveal() if chat else "",
        ) as assistant,
        serve_embedded(assistant, port=port) as address,
    ):
        yield address.base_url


@asynccontextmanager
async def listening(
    gateway: Gateway, bound: socket.socket, member: Member | None = None
) -> AsyncIterator[str]:
    """Serve the gateway on a bound socket inside the running loop; gives its http address.

    A worker, a `member` of several, serves the others there; its callers come from the parent.
    """
    settings, board = gateway.settings, gateway.switchboard
    proxies = settings.server.trusted_proxies
    strain = gateway.pressure.strain if gateway.pressure else float
    async with (
        open_load_reports(board, strain),
        open_common(gateway, member.before if member else "") as common,
        open_desk(settings, gateway, common.tickets, member) as desk,
        open_api(gateway, desk, common) as api,
        _serving(
            _application(gateway, [*desk.routes, *api], member), bound, proxies, member
        ) as address,
        gateway.pressure.watched() if gateway.pressure else nullcontext(),
    ):
        yield address


def _application(gateway: Gateway, routes: list[BaseRoute], member: Member | None) -> ASGIApp:
    own = Starlette(
        routes=[lasting(route) for route in (*routes, *gateway.routes())],
        exception_handlers={404: strayed, 405: strayed},
    )
    return own if member is None else member.around(own)


@asynccontextmanager
async def _serving(
    application: ASGIApp, bound: socket.socket, proxies: tuple[str, ...], member: Member | None
) -> AsyncIterator[str]:
    config = uvicorn.Config(
        application,
        ws=Upgrade,
        ws_max_size=max(4 * MAX_FRAME, LARGEST),  # each leg refuses less, with a reason
        ws_per_message_deflate=False,
        ws_ping_interval=PING,
        ws_ping_timeout=PONG,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        timeout_graceful_shutdown=2,
    )
    bound.setblocking(False)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[bound])
    if member is not None:
        member.serve(partial(_protocol, config, server))
    try:
        yield _address(bound)
    finally:
        await server.shutdown(sockets=[bound])


def _protocol(config: uvicorn.Config, server: uvicorn.Server) -> asyncio.Protocol:
    """What serves one connection, as uvicorn's own listener makes it."""
    made = config.http_protocol_class(  # type: ignore[call-arg]
        config=config, server_state=server.server_state, app_state=server.lifespan.state
    )
    assert isinstance(made, asyncio.Protocol)
    return made


def _address(bound: socket.socket) -> str:
    if bound.family == socket.AF_UNIX:
        return f"unix:{bound.getsockname()}"
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
