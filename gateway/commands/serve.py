"""`trunkline serve`: answer calls until told to stop; live ones then say their last words."""

from __future__ import annotations

import argparse
import asyncio
from functools import partial

from gateway import log
from gateway.settings import Settings, load
from gateway.settings.loading import Key


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_address(parser)


def add_address(parser: argparse.ArgumentParser, port: int | None = None) -> None:
    """Where to listen; what is not said is as the settings have it."""
    parser.add_argument("--host", help="address to listen on; beyond loopback needs server.token")
    parser.add_argument("--port", type=int, default=port, help="TCP port; 0 takes any free one")


def read_settings(args: argparse.Namespace) -> Settings:
    """The settings as they are now, with the address of the command line."""
    given: dict[Key, object] = {("server", "host"): args.host, ("server", "port"): args.port}
    overrides = {key: value for key, value in given.items() if value is not None}
    return load(args.config, overrides=overrides)


def listening_settings(args: argparse.Namespace) -> Settings:
    """The settings in force, and the log set up by them."""
    settings = read_settings(args)
    log.setup(settings.log.format, settings.log.level, policy=settings.privacy.redaction())
    return settings


def run(args: argparse.Namespace) -> int:
    from gateway.serving import serve

    try:
        asyncio.run(serve(listening_settings(args), partial(read_settings, args)))
    except asyncio.CancelledError:
        return 130  # told twice to stop: at once
    return 0
