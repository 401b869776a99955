"""A gateway whose first call reaches a good assistant, and every later one a bad one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.admission.access import Access
from gateway.app import Gateway
from gateway.assistants.target import Target
from gateway.embedded.server import Assistant, ServerOptions
from gateway.embedded.server import serve as serve_embedded
from gateway.private import Private
from gateway.running.listening import listen
from gateway.running.opening import listening
from gateway.settings import load
from gateway.switchboard import Switchboard
from gateway.taps.metrics import Metrics
from tests.bad.street import Parrot, Stranger, beside, stranger
from tests.house import EchoEars, House, ToneMouth
from tools.toolbox import Toolbox

KEY = "sk-sesame-0123456789"


@dataclass
class Junction:
    """Pipes bytes: the first connection to the good port, the others to the bad one."""

    good: int
    bad: int
    port: int = 0
    count: int = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = self.good if not self.count else self.bad
        self.count += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


@asynccontextmanager
async def open_junction(
    bad: int | ServerOptions, patience: float = 5.0
) -> AsyncIterator[tuple[House, Stranger]]:
    """The house with a bystander in it, and a caller whose assistant is bad: a port, or options."""
    async with AsyncExitStack() as parts:
        good = await parts.enter_async_context(serve_embedded(_assistant()))
        if isinstance(bad, ServerOptions):
            bad = (await parts.enter_async_context(serve_embedded(_assistant(), options=bad))).port
        junction = Junction(good.port, bad)
        server = await asyncio.start_server(junction.take, "127.0.0.1", 0)
        await parts.enter_async_context(server)
        port = server.sockets[0].getsockname()[1]
        target = Target(
            kind="compatible",
            model="m",
            base_url=f"http://127.0.0.1:{port}/v1",
            api_key=Private(KEY),
            patience=patience,
        )
        toolbox = parts.enter_context(Toolbox(()))
        bound = parts.enter_context(listen("127.0.0.1", 0))
        settings = load(None, {"TRUNKLINE_RECOVERY__PATIENCE_S": "0"})
        board = Switchboard(100)
        access = Access(settings)
        gateway = Gateway(settings, target, toolbox, board, Metrics(), access=access)
        house = House(gateway, await parts.enter_async_context(listening(gateway, bound)))
        assert urlsplit(target.base_url).port == port
        async with beside(house):
            while not junction.count:
                await asyncio.sleep(0.01)
            async with stranger(house) as caller:
                yield house, caller
        await gateway.switchboard.drain(0)


def _assistant() -> Assistant:
    return Assistant(EchoEars(), Parrot(), ToneMouth())
