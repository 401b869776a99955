"""Calling in the parent of workers: this process becomes it, and forgets all that it has loaded.

What settings are made of takes more memory than all that the parent does.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import msgspec

from gateway.settings import Settings
from gateway.settings.loading import Key
from gateway.settings.needs import needs_embedded
from gateway.workers.child import HOME
from gateway.workers.link import Station, Told

# Whoever looks through the processes of a machine for what was called finds it.
BEGIN = (
    "import sys; sys.path.insert(0, {!r}); from gateway.interrupts import end_at_once;"
    " end_at_once(); from gateway.workers.supervisor import run; sys.exit(run()) # trunkline serve"
)


def become_supervisor(
    settings: Settings, config: Path | None, overrides: dict[Key, str | int]
) -> NoReturn:
    """Go on as the parent of workers by these settings."""
    given = [(section, name, value) for (section, name), value in overrides.items()]
    told = Told("worker", 0, "", 0, 0, str(config.resolve()) if config else "", given)
    words = [msgspec.json.encode(one).decode() for one in (station_of(settings), told)]
    code = BEGIN.format(str(HOME))
    os.execv(sys.executable, [sys.executable, "-P", "-c", code, *words])


def station_of(settings: Settings) -> Station:
    """What the parent has to know of them."""
    server, shutdown, covered = settings.server, settings.shutdown, settings.privacy.redaction()
    return Station(
        host=server.host,
        port=server.port,
        workers=server.workers,
        stopping=shutdown.finish_s + shutdown.goodbye_s,
        shares=not settings.store.redis.reveal(),
        assistant=needs_embedded(settings),
        log=(settings.log.format, settings.log.level),
        covered=tuple(sorted(covered.kinds)),
        digits=covered.digits,
    )
