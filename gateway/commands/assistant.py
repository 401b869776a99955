"""`trunkline assistant`: run the embedded assistant by itself, for any Realtime client."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.commands.serve import add_address, listening_settings
from gateway.errors import SettingsError
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.embedded.server import Address

PORT = 8081

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_address(parser, PORT)
    parser.add_argument("--certificate", metavar="FILE", help="PEM; with --private-key for TLS")
    parser.add_argument("--private-key", metavar="FILE", help="PEM")
    parser.add_argument(
        "--faults", metavar="FILE", type=Path, help="TOML: what is to go wrong, and when; for tests"
    )
    parser.add_argument(
        "--upstream",
        metavar="URL",
        default="",
        help="with --faults: the Realtime server to stand before, as http://host:port/v1",
    )


def run(args: argparse.Namespace) -> int:
    if args.upstream and not args.faults:
        raise SettingsError("--upstream: expected --faults with it, and nothing goes wrong without")
    settings = listening_settings(args)
    if args.faults:
        asyncio.run(_disturb(settings, args))
    else:
        asyncio.run(_serve(settings, args.certificate, args.private_key))
    return 0


async def _disturb(settings: Settings, args: argparse.Namespace) -> None:
    """Stand before a server, or before one of our own, and let go wrong what the plan says."""
    from gateway.embedded import faultplan
    from gateway.embedded.faultproxy import serve_faults

    plan = faultplan.load(args.faults)
    tls = _tls(args.certificate, args.private_key)
    host, port = settings.server.host, settings.server.port
    stop = _stopping()
    async with AsyncExitStack() as stack:
        upstream = args.upstream
        if not upstream:
            behind = await stack.enter_async_context(_embedded(settings, "127.0.0.1", 0))
            upstream = behind.base_url
        address = await stack.enter_async_context(serve_faults(upstream, plan, host, port, tls))
        logger.info("ready", extra={"address": address.url, "faults": len(plan.fault)})
        await stop.wait()


def _tls(certificate: str | None, private_key: str | None) -> ssl.SSLContext | None:
    if not certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private_key)
    return context


def _stopping() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _serve(settings: Settings, certificate: str | None, private_key: str | None) -> None:
    stop = _stopping()
    host, port = settings.server.host, settings.server.port
    files = {"certfile": certificate, "keyfile": private_key}
    async with _embedded(settings, host, port, **files) as address:
        logger.info("ready", extra={"address": address.url})
        await stop.wait()


@asynccontextmanager
async def _embedded(
    settings: Settings, host: str, port: int, **files: str | None
) -> AsyncIterator[Address]:
    from gateway.embedded.assemble import assemble
    from gateway.embedded.server import ServerOptions, serve

    token, mind = settings.server.token.reveal(), settings.assistant.mind
    way = (
        {"base_url": mind.base_url, "model": mind.model, "api_key": mind.api_key.reveal()}
        if mind.kind == "chat"
        else {}
    )
    options = ServerOptions(keys=frozenset({token} if token else ()))
    async with (
        assemble(**way) as assistant,
        serve(assistant, host, port, options=options, **files) as address,
    ):
        yield address
