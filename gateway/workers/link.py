"""The link between a worker and its parent: words by lines of JSON, and connections by descriptor.

Words go over a stream, whose end either side sees when the other is gone. Connections that the
parent accepted come over a socket of datagrams, each with the name of the port that it came to.
"""

from __future__ import annotations

import socket
from typing import Literal

import msgspec

from gateway.redaction.detect import Kind

WAITING = 64  # connections that may wait for a worker that does not take them
LONGEST = 256  # bytes of a port's name
HTTP = "http"


class Opening(msgspec.Struct, tag="open"):
    """A worker wants connections that come to this address."""

    host: str
    port: int


class Opened(msgspec.Struct, tag="opened"):
    """They will come under this name; or why they will not."""

    name: str
    host: str
    port: int
    why: str = ""


class Ready(msgspec.Struct, tag="ready"):
    """A worker takes connections; `assistant` is who answers calls."""

    assistant: str = ""
    gateway: str = ""  # by which others know its calls
    open: bool = False  # whether nobody is asked for a key


Word = Opening | Opened | Ready
_WORD: msgspec.json.Decoder[Word] = msgspec.json.Decoder(Word)


class Station(msgspec.Struct, frozen=True):
    """What the parent of workers goes by, of settings that it need not know whole."""

    host: str
    port: int
    workers: int
    stopping: float  # seconds that workers may take to end their calls
    shares: bool  # whether they have what they share from their parent, not from a Redis
    assistant: bool  # whether they need the embedded one
    log: tuple[str, str]  # its format and level
    covered: tuple[Kind, ...]  # kinds of numbers that are covered in it
    digits: int


class Told(msgspec.Struct):
    """What a worker is told when it begins."""

    role: Literal["worker", "assistant"]
    slot: int
    folder: str
    words: int  # descriptors of its two sockets
    connections: int
    config: str
    overrides: list[tuple[str, str, str | int]]
    assistant: str = ""  # where the embedded one listens
    port: int = 0  # where it is to listen, in its own role
    before: str = ""  # the gateway of the worker that died, in whose place it is


def line(word: Word) -> bytes:
    """As it is written."""
    return msgspec.json.encode(word) + b"\n"


def word(line: bytes) -> Word:
    """As it was meant."""
    return _WORD.decode(line)


def give(pipe: socket.socket, name: str, connection: socket.socket) -> bool:
    """Hand a connection over, and keep none of it; false where the worker has too many waiting."""
    try:
        socket.send_fds(pipe, [name.encode()], [connection.fileno()])
    except OSError:
        return False
    connection.close()
    return True


def take(pipe: socket.socket) -> tuple[str, socket.socket | None] | None:
    """The next connection, if one waits; without its socket where we can open no more files."""
    try:
        name, found, flags, _ = socket.recv_fds(pipe, LONGEST, 1)
    except OSError:
        return None
    if found:
        return name.decode(), socket.socket(fileno=found[0])
    return (name.decode(), None) if flags & socket.MSG_CTRUNC else None
