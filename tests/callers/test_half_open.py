"""A caller that is gone without a word is found by pings that nobody answers."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest
from websockets.client import ClientProtocol
from websockets.protocol import State
from websockets.uri import parse_uri

from tests.house import message, open_house

pytestmark = pytest.mark.virtual_clock


@pytest.mark.parametrize("query", ["", "?returns=1"])
async def test_a_far_end_that_is_gone_is_found_within_fifteen_seconds(query: str) -> None:
    async with open_house() as house:
        client = ClientProtocol(parse_uri(house.browser + query))
        port = urlsplit(house.address).port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        client.send_request(client.connect())
        writer.writelines(client.data_to_send())
        while client.state is State.CONNECTING:
            client.receive_data(await reader.read(4096))
        client.send_text(message("start", reports=False).encode())
        writer.writelines(client.data_to_send())
        board = house.gateway.switchboard
        while not board.statistics().live:
            await asyncio.sleep(0.01)
        loop = asyncio.get_running_loop()
        began, waits = loop.time(), 30 if query else 0
        await board.wait_ended(board.sessions)
        assert waits < loop.time() - began < waits + 15.1
        writer.close()
        await writer.wait_closed()
