"""`trunkline serve`: answer calls until told to stop; live ones then say their last words."""

from __future__ import annotations

import argparse
import asyncio
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.settings.loading import Key


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_address(parser)
    parser.add_argument(
        "--workers", type=int, help="processes that share the calls, one for each core (1)"
    )


def add_address(parser: argparse.ArgumentParser, port: int | None = None) -> None:
    """Where to listen; what is not said is as the settings have it."""
    parser.add_argument("--host", help="address to listen on; beyond loopback needs server.token")
    parser.add_argument("--port", type=int, default=port, help="TCP port; 0 takes any free one")


def read_settings(args: argparse.Namespace) -> Settings:
    """The settings as they are now, with the address of the command line."""
    from gateway.settings import load

    return load(args.config, overrides=_overrides(args))


def _overrides(args: argparse.Namespace) -> dict[Key, str | int]:
    names = ("host", "port", "workers")
    given = {("server", name): getattr(args, name, None) for name in names}
    return {key: value for key, value in given.items() if value is not None}


def listening_settings(args: argparse.Namespace) -> Settings:
    """The settings in force, and the log set up by them."""
    from gateway import log

    settings = read_settings(args)
    log.setup(settings.log.format, settings.log.level, policy=settings.privacy.redaction())
    return settings


def run(args: argparse.Namespace) -> int:
    from gateway.running import loop
    from gateway.running.descriptors import make_room

    loop.hurry()
    settings = listening_settings(args)
    make_room(settings.server.max_calls)
    if settings.server.workers > 1:
        from gateway.workers.calling import become_supervisor

        become_supervisor(settings, args.config, _overrides(args))
    from gateway.running.serving import serve

    try:
        loop.run(serve(settings, partial(read_settings, args)))
    except asyncio.CancelledError:
        return 130  # told twice to stop: at once
    return 0
