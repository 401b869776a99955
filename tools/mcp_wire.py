"""The ways to an MCP server: its process, with what it writes to stderr, or its address."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from tools.addresses import PinnedTransport, Reach

LINE = 500  # characters of a line that are logged
LINES = 1000  # of one process, after which nothing more is logged
TIMES = httpx2.Timeout(15.0, read=300.0)  # a server may be silent for long on an open stream
# What looks like a secret, whatever the server was given.
SECRET = re.compile(
    r"(?i)(bearer|basic)\s+\S+|\b(sk|pk|ghp|xox[a-z])[-_]\S{8,}"
    r"|([\w-]*(?:token|secret|passwor[dt]|api[-_]?key)[\w-]*[\"']?\s*[:=]\s*)[\"']?[^\s\"',]+"
)

log = logging.getLogger(__name__)

# Its messages quote what servers sent; what matters of them reaches us as exceptions.
logging.getLogger("mcp").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class McpServer:
    """One server, as the operator declared it: a command, or a URL."""

    name: str
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold secrets
    folder: str = ""  # in which the command is run
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold secrets
    networks: tuple[str, ...] = ()  # private ones that the URL's name may lead to
    tools: tuple[str, ...] = ("*",)  # those that may be called; "*" is all
    price_usd: float = 0.0  # of a run of any of its tools
    confirm: tuple[str, ...] = ()  # those that the caller must agree to; "*" is all
    prefix: str = ""  # before the name of each tool
    timeout: float = 20.0  # seconds for one call

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be logged."""
        return tuple(value for value in (*self.env.values(), *self.headers.values()) if value)


@asynccontextmanager
async def transport(
    server: McpServer, closed: Callable[[], None], ready: Callable[[], bool]
) -> AsyncIterator[Any]:
    """The two streams to a server; `closed` is called when it sends no more.

    What its process writes to stderr is logged; once it is ready for debugging only, for then it
    may repeat what somebody said.
    """
    way = _process(server, ready) if server.command else _address(server)
    async with way as (read, write):
        yield _Ending(read, closed), write


@asynccontextmanager
async def _process(server: McpServer, ready: Callable[[], bool]) -> AsyncIterator[Any]:
    command, *arguments = server.command
    parameters = StdioServerParameters(
        command=command, args=arguments, env=dict(server.env), cwd=server.folder or None
    )
    readable, writable = os.pipe()
    with os.fdopen(writable, "w") as errors:
        reading = asyncio.create_task(_tell(server, readable, ready), name="stderr of a server")
        try:
            async with stdio_client(parameters, errlog=errors) as streams:
                errors.close()  # the process has its own; ours would keep the pipe open
                yield streams
        finally:
            errors.close()
            reading.cancel()
            await asyncio.wait([reading])


@asynccontextmanager
async def _address(server: McpServer) -> AsyncIterator[Any]:
    base = httpx2.URL(server.url).copy_with(path="/", query=None, fragment=None)
    reach = Reach.of([str(base)], server.networks)
    client = httpx2.AsyncClient(
        transport=PinnedTransport(reach), headers=dict(server.headers), timeout=TIMES
    )
    async with client, streamable_http_client(server.url, http_client=client) as streams:
        yield streams


class _Ending:
    """A stream that says when it has ended, for nobody asks a server that is not called."""

    def __init__(self, stream: Any, closed: Callable[[], None]) -> None:
        self._stream = stream
        self._closed = closed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __aiter__(self) -> _Ending:
        return self

    async def __anext__(self) -> Any:
        return await self._stream.__anext__()

    async def __aenter__(self) -> _Ending:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *reason: Any) -> bool | None:
        self._closed()
        ended: bool | None = await self._stream.__aexit__(*reason)
        return ended


async def _tell(server: McpServer, readable: int, ready: Callable[[], bool]) -> None:
    """Log what the process writes to stderr, line by line, without secrets."""
    reader = asyncio.StreamReader(limit=64 * 1024)
    way, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(readable, "rb", 0)
    )
    try:
        for _ in range(LINES):
            try:
                line = await reader.readline()
            except ValueError:  # longer than the reader holds; the rest follows
                continue
            if not line:
                return
            if said := masked(line.decode(errors="replace"), server.secrets)[:LINE]:
                level = logging.DEBUG if ready() else logging.INFO
                log.log(level, "an MCP server says", extra={"server": server.name, "said": said})
        log.warning("an MCP server says too much to log", extra={"server": server.name})
        while await reader.read(64 * 1024):
            pass
    finally:
        way.close()


def masked(line: str, secrets: Sequence[str]) -> str:
    """The line without the server's secrets, and without what looks like one."""
    for secret in secrets:
        if len(secret) >= 4:
            line = line.replace(secret, "***")
    line = SECRET.sub(lambda match: f"{match[3] or ''}***", line)
    return "".join(letter for letter in line.strip() if letter.isprintable())
