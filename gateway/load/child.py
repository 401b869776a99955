"""Child: a process of the load test, the scripted model or some of the callers.

It is told what to do by lines of JSON on its standard input and ends with it, so that none of them
outlives the test; its notes go out on its standard output.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Literal

import msgspec

from gateway.load import clips, upstream
from gateway.load.caller import Behaviour
from gateway.load.fleet import Fleet
from gateway.load.lines.ways import Target, way_to
from gateway.load.notes import Note, Pulse, Ready, SessionEnded, packed
from gateway.load.script import Script

EACH = 0.5  # seconds between two pulses
STEP = 0.01  # seconds: how often the model's own lateness is looked at


class Model(msgspec.Struct, tag="model"):
    """Be the scripted model."""

    script: Script = Script()
    host: str = "127.0.0.1"
    port: int = 0


class Callers(msgspec.Struct, tag="callers"):
    """Be some of the callers."""

    target: Target
    speech: list[str]
    behaviour: Behaviour = Behaviour()
    name: str = "callers"
    number: int = 0  # of this process among
    of: int = 1  # so many, that no two calls have one number


class Order(msgspec.Struct):
    """What callers are to do next."""

    do: Literal["grow", "shrink"]
    calls: int = 0
    per_second: float = 10.0


FIRST = msgspec.json.Decoder(Model | Callers)
ORDER = msgspec.json.Decoder(Order)
Tell = Callable[[Note], None]


def run() -> None:
    """The process, from its beginning to its end."""
    asyncio.run(main())


async def main() -> None:
    """Be what the first line says, until there are no more lines."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, sys.stdout)
    gc.freeze()

    def tell(note: Note) -> None:
        transport.write(packed(note))

    match FIRST.decode(await reader.readline()):
        case Model() as told:
            await be_model(told, tell, reader)
        case Callers() as told:
            await be_callers(told, tell, reader)
    transport.close()


async def be_model(told: Model, tell: Tell, reader: asyncio.StreamReader) -> None:
    """Answer whoever comes."""
    live = [0]

    def note(one: Note) -> None:
        if isinstance(one, SessionEnded):
            live[0] -= 1
        tell(one)

    def begun() -> None:
        live[0] += 1

    late: list[float] = []
    async with (
        upstream.serve(told.script, note, told.host, told.port, begun) as address,
        _every(STEP, lambda by: late.append(by)),
        _every(EACH, lambda _: tell(Pulse("model", time.monotonic(), _taken(late), live[0]))),
    ):
        tell(Ready("model", address))
        await reader.read()


async def be_callers(told: Callers, tell: Tell, reader: asyncio.StreamReader) -> None:
    """Place the calls that are ordered."""
    way = way_to(told.target)
    speech = clips.read([Path(one) for one in told.speech], way.form)
    numbers = count(1 + told.number, told.of)
    fleet = Fleet(way, speech, told.behaviour, tell, told.name, numbers)
    orders: set[asyncio.Task[None]] = set()
    async with _every(EACH, lambda _: tell(fleet.pulse())):
        tell(Ready(told.name))
        while line := await reader.readline():
            order = ORDER.decode(line)
            if order.do == "shrink":
                fleet.shrink(order.calls)
                continue
            task = asyncio.create_task(fleet.grow(order.calls, order.per_second))
            orders.add(task)
            task.add_done_callback(orders.discard)
        for task in orders:
            task.cancel()
        await asyncio.gather(*orders, return_exceptions=True)
        await fleet.close()


@asynccontextmanager
async def _every(seconds: float, do: Callable[[float], None]) -> AsyncIterator[None]:
    """Do it again and again; it is told by how much it is late."""
    loop = asyncio.get_running_loop()

    async def repeat() -> None:
        while True:
            due = loop.time() + seconds
            await asyncio.sleep(seconds)
            do(max(0.0, loop.time() - due))

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _taken(values: list[float]) -> list[float]:
    taken = values[:]
    values.clear()
    return taken
