"""What goes out over a socket waits in order for a far end that does not read, but not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from websockets.asyncio.server import ServerConnection

from gateway.sockets.outlet import Outlet
from gateway.sockets.socket import Message, Socket
from tests.sockets.test_socket import met

PIECE = 256 * 1024
MOST = 64 * PIECE


class Leg:
    """Writes text as it is, and notes what an outlet says."""

    def __init__(self, socket: Socket) -> None:
        self.outlet = Outlet(self._write, len, self._give_up, MOST, blocked=10.0)
        self.given_up = asyncio.Event()
        self._socket = socket
        socket.read(self)

    def _write(self, text: str) -> None:
        self._socket.send(text)

    def _give_up(self) -> None:
        self.given_up.set()

    def take(self, message: Message) -> None: ...
    def lose(self, closed: object) -> None: ...
    def go_on(self) -> None:
        self.outlet.go_on()


async def deaf(peer: ServerConnection) -> None:
    peer.transport.pause_reading()
    await peer.wait_closed()


def fill(leg: Leg, socket: Socket) -> None:
    """Until nothing more is taken."""
    while socket.writable:
        leg.outlet.put("x" * PIECE)


@pytest.mark.virtual_clock
async def test_a_far_end_that_takes_nothing_is_given_up_though_nothing_more_is_to_be_said() -> None:
    loop = asyncio.get_running_loop()
    async with met(deaf) as (socket, _):
        leg = Leg(socket)
        leg.outlet.open(socket)
        fill(leg, socket)
        began = loop.time()
        leg.outlet.put("one")
        await leg.given_up.wait()
        assert loop.time() - began == pytest.approx(10, abs=0.1)
        leg.outlet.clear()


async def test_more_than_may_wait_is_not_waited_for() -> None:
    async with met(deaf) as (socket, _):
        leg = Leg(socket)
        leg.outlet.open(socket)
        fill(leg, socket)
        while leg.outlet.waiting <= MOST:
            assert not leg.given_up.is_set()
            leg.outlet.put("x" * PIECE)
        assert leg.given_up.is_set()
        leg.outlet.clear()
        assert leg.outlet.waiting == 0
        await leg.outlet.wait_empty()


@pytest.mark.parametrize("first", ["opened", "put", "held"])
async def test_what_waits_is_said_in_order_once_it_can_be(first: str) -> None:
    said: list[Message] = []

    async def script(peer: ServerConnection) -> None:
        said.extend([await peer.recv() for _ in range(3)])
        await peer.close()

    steps: dict[str, Callable[[Leg, Socket], None]] = {
        "opened": lambda leg, socket: leg.outlet.open(socket),
        "held": lambda leg, _: leg.outlet.hold(),
    }
    async with met(script) as (socket, _), asyncio.timeout(10):
        leg = Leg(socket)
        if first in steps:
            steps[first](leg, socket)
        for word in ("one", "two", "three"):
            leg.outlet.put(word)
        leg.outlet.open(socket)
        leg.outlet.release()
        await leg.outlet.wait_empty()
        await socket.wait_closed()
    assert said == ["one", "two", "three"]
