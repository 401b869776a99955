"""`trunkline assistant`: run the embedded assistant by itself, for any Realtime client."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal

from gateway.commands.serve import add_address, listening_settings
from gateway.settings import Settings

PORT = 8081

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_address(parser, PORT)
    parser.add_argument("--certificate", metavar="FILE", help="PEM; with --private-key for TLS")
    parser.add_argument("--private-key", metavar="FILE", help="PEM")


def run(args: argparse.Namespace) -> int:
    asyncio.run(_serve(listening_settings(args), args.certificate, args.private_key))
    return 0


async def _serve(settings: Settings, certificate: str | None, private_key: str | None) -> None:
    from gateway.embedded.assemble import assemble
    from gateway.embedded.server import ServerOptions, serve

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    token, mind = settings.server.token.reveal(), settings.assistant.mind
    way = (
        {"base_url": mind.base_url, "model": mind.model, "api_key": mind.api_key.reveal()}
        if mind.kind == "chat"
        else {}
    )
    options = ServerOptions(keys=frozenset({token} if token else ()))
    host, port = settings.server.host, settings.server.port
    async with (
        assemble(**way) as assistant,
        serve(
            assistant, host, port, options=options, certfile=certificate, keyfile=private_key
        ) as address,
    ):
        logger.info("ready", extra={"address": address.url})
        await stop.wait()
