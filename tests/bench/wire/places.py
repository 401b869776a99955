"""Where a subject of the bench listens, what it calls, and the command that calls it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.wire.ways import WAYS


@dataclass(frozen=True, slots=True)
class Place:
    """Where a subject is to listen, and what it is to call for an answer."""

    port: int  # of HTTP
    own: int  # of a listener that a way in has to itself
    upstream: int
    folder: Path  # for whatever it writes
    way: str = "twilio"


Subject = Callable[[Place], AbstractContextManager[int]]  # gives the id of its process


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def place(folder: Path, way: str = "twilio") -> Place:
    """Ports that are free."""
    return Place(free_port(), free_port(), free_port(), folder, way)


def callers(place: Place, calls: int, seconds: int) -> list[str]:
    """The command of so many callers by a way in, but for how they interrupt and report."""
    url = WAYS[place.way].url.format(port=place.port, own=place.own)
    program = [sys.executable, "-m", "tests.bench.wire.callers"]
    return [*program, place.way, url, str(calls), str(seconds)]
