"""Ports: where bridges listen beside the gateway's own port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from gateway.running.listening import listen

Factory = Callable[[], asyncio.BaseProtocol]  # makes the protocol of a connection


class Ports(Protocol):
    """Opens ports; a process of several is given the connections of one that all share."""

    def open(self, host: str, port: int, factory: Factory) -> AbstractAsyncContextManager[str]:
        """Take connections there; gives the address as host:port. Raises TrunklineError."""
        ...


class OwnPorts:
    """Those of a gateway that is one process."""

    @asynccontextmanager
    async def open(self, host: str, port: int, factory: Factory) -> AsyncIterator[str]:
        """Listen there."""
        with listen(host, port) as bound:
            server = await asyncio.get_running_loop().create_server(factory, sock=bound)
            try:
                yield f"{host}:{bound.getsockname()[1]}"
            finally:
                server.close()
