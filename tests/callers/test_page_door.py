"""Sockets of the page: calls that outlive theirs, and calls that do not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.callers.rtc_caller import Caller
from tests.callers.test_webrtc_calls import on_call, quiet
from tests.house import House, message, open_house


async def opened(house: House, query: str) -> tuple[ClientConnection, dict[str, Any]]:
    """A socket that has begun, and what it was told."""
    socket = await connect(house.browser + query)
    await socket.send(message("start", reports=True))
    return socket, json.loads(await socket.recv())


def live(house: House) -> int:
    return house.gateway.switchboard.statistics().live


async def test_a_call_whose_socket_broke_goes_on_over_another() -> None:
    async with open_house() as house:
        first, started = await opened(house, "?returns=1")
        first.transport.abort()
        second, again = await opened(house, f"?call={started['call']}")
        assert again == started
        assert house.gateway.switchboard.statistics().admitted == 1
        await second.send(message("hangup"))
        await quiet(house)


async def test_a_call_that_was_not_meant_to_return_ends_with_its_socket() -> None:
    async with open_house() as house:
        first, started = await opened(house, "")
        first.transport.abort()
        await quiet(house)
        socket = await connect(f"{house.browser}?call={started['call']}")
        assert json.loads(await socket.recv())["type"] == "error"
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4404


async def test_a_call_over_webrtc_goes_on_over_a_socket() -> None:
    async with open_house() as house, on_call(house) as (caller, _):
        assert isinstance(caller, Caller)
        call_id = caller.messages[0]["call"]
        socket, started = await opened(house, f"?call={call_id}")
        assert started["call"] == call_id
        assert live(house) == 1
        await socket.send(message("hangup"))
        await quiet(house)
        async with asyncio.timeout(5):
            await socket.wait_closed()


def chain(task: asyncio.Task[Any]) -> str:
    """The files of a task's coroutines, each of which waits for the next."""
    files, coroutine = [], task.get_coro()
    while code := getattr(coroutine, "cr_code", None):
        files.append(code.co_filename)
        coroutine = getattr(coroutine, "cr_await", None)
    return " ".join(files)


async def test_a_call_does_not_hold_what_has_led_to_it() -> None:
    async with open_house() as house:
        socket, _ = await opened(house, "")
        chains = [chain(task) for task in asyncio.all_tasks()]
        (call,) = [one for one in chains if "upgrade.py" in one]
        assert "page_door.py" in call
        assert "starlette" not in call
        await socket.send(message("hangup"))
        await quiet(house)
