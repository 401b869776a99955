"""A socket that leads nowhere is found while the caller speaks into it, and no other is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from gateway.assistants.vigil import ANSWER, QUIET, SLOWEST, Vigil
from gateway.clock import VirtualClockLoop
from gateway.sockets.client import connect
from gateway.sockets.socket import Closed, Socket

pytestmark = pytest.mark.virtual_clock


@asynccontextmanager
async def socket(*, dead: bool) -> AsyncIterator[Socket]:
    """To a server that hears and says nothing; a dead one does not even answer pings."""

    async def peer(client: ServerConnection) -> None:
        if dead:
            client.transport.pause_reading()
        await client.wait_closed()

    async with serve(peer, "127.0.0.1", 0, close_timeout=0.1) as server:
        port = server.sockets[0].getsockname()[1]
        client = await connect(f"ws://127.0.0.1:{port}", {}, largest=1, seconds=5, ping=(0, 0))
        client.read(Nobody())
        try:
            yield client
        finally:
            client.abort()
            await client.wait_closed()


class Nobody:
    """Hears, and does nothing about it."""

    def take(self, message: str | bytes) -> None: ...

    def lose(self, closed: Closed) -> None: ...

    def go_on(self) -> None: ...


async def found_after(vigil: Vigil, client: Socket, within: float) -> float | None:
    """How long it takes until the socket counts as dead."""
    clock = asyncio.get_running_loop().time
    began = clock()
    try:
        async with asyncio.timeout(within):
            await vigil.wait_dead(client)
    except TimeoutError:
        return None
    return clock() - began


async def test_a_dead_socket_is_found_by_what_is_sent_into_it() -> None:
    async with socket(dead=True) as client:
        vigil = Vigil()
        vigil.sent(100)
        assert await found_after(vigil, client, 10) == pytest.approx(QUIET + ANSWER, abs=0.1)


async def test_a_process_that_was_late_itself_asks_again_before_it_blames_the_server() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualClockLoop)
    async with socket(dead=True) as client:
        vigil = Vigil()
        vigil.sent(100)
        loop.call_later(QUIET + ANSWER / 2, loop.stall, 3.0)
        within = QUIET + ANSWER / 2 + 3.0 + ANSWER
        assert await found_after(vigil, client, 20) == pytest.approx(within, abs=0.1)


async def test_a_server_that_only_listens_answers_pings_and_is_left_alone() -> None:
    async with socket(dead=False) as client:
        vigil = Vigil()

        async def speak() -> None:
            while True:
                vigil.sent(1_300)
                await asyncio.sleep(0.02)

        speaking = asyncio.create_task(speak())
        assert await found_after(vigil, client, 20) is None
        speaking.cancel()


async def test_a_socket_into_which_nothing_is_said_is_not_asked() -> None:
    async with socket(dead=True) as client:
        assert await found_after(Vigil(), client, 60) is None


async def test_much_that_is_sent_at_once_is_given_its_time() -> None:
    async with socket(dead=True) as client:
        vigil = Vigil()
        vigil.sent(10 * SLOWEST)
        found = await found_after(vigil, client, 60)
        assert found == pytest.approx(QUIET + ANSWER + 10, abs=0.1)


async def test_whatever_comes_in_the_meantime_is_a_sign_of_life() -> None:
    async with socket(dead=True) as client:
        vigil = Vigil()
        vigil.sent(100)
        loop = asyncio.get_running_loop()
        loop.call_later(QUIET + 0.5, vigil.heard)
        assert await found_after(vigil, client, 60) is None


async def test_what_is_sent_after_a_sign_of_life_has_its_own_time() -> None:
    async with socket(dead=True) as client:
        vigil = Vigil()
        vigil.sent(100)
        loop = asyncio.get_running_loop()
        loop.call_later(QUIET + ANSWER - 0.2, vigil.heard)
        loop.call_later(QUIET + ANSWER - 0.1, vigil.sent, 100)
        within = QUIET + ANSWER - 0.1 + QUIET + ANSWER
        assert await found_after(vigil, client, 60) == pytest.approx(within, abs=0.1)


async def test_an_answer_that_comes_at_once_does_not_end_the_vigil() -> None:
    async with socket(dead=False) as client:
        vigil = Vigil()
        watching = asyncio.create_task(vigil.wait_dead(client))
        await asyncio.sleep(0)
        vigil.sent(1)
        vigil.heard()  # before the vigil's own turn
        await asyncio.sleep(QUIET)
        assert not watching.done()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
