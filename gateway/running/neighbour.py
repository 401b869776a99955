"""The neighbour: the gateway that listens already where another one would."""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPConnection, HTTPException

import msgspec

SECONDS = 2.0  # that it may take to answer
LONGEST = 65_536  # bytes of its answer
LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # one of all addresses


class Neighbour(msgspec.Struct, frozen=True):
    """What a gateway says of itself at /readyz."""

    ready: bool  # whether it lets calls in
    calls: int
    assistant: str


def find_neighbour(host: str, port: int) -> Neighbour | None:
    """Who listens there; nothing where it is no Trunkline, or one that does not answer."""
    with closing(HTTPConnection(LOOPBACK.get(host, host), port, timeout=SECONDS)) as line:
        try:
            line.request("GET", "/readyz")
            return msgspec.json.decode(line.getresponse().read(LONGEST), type=Neighbour)
        except (OSError, HTTPException, msgspec.DecodeError):
            return None
