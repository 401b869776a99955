"""`trunkline serve`: take calls until told to stop."""

from __future__ import annotations

import argparse
import asyncio

from gateway.settings import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="instead of server.host")
    parser.add_argument("--port", type=int, help="instead of server.port; 0 takes a free one")


def run(args: argparse.Namespace) -> int:
    from gateway import log
    from gateway.app import serve

    asked = {("server", "host"): args.host, ("server", "port"): args.port}
    given: dict[tuple[str, ...], str | int] = {
        key: value for key, value in asked.items() if value is not None
    }
    settings = load(args.config, overrides=given)
    log.setup(settings.log.format, settings.log.level)
    asyncio.run(serve(settings))
    return 0
