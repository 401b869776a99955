"""Requests for a WebSocket that are none are answered with a status; nothing is left of them."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.callers.peers.peer import peer_of
from tests.house import open_house

ASKED = (
    b"GET %b HTTP/1.1\r\n%bUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
HOST = b"Host: localhost\r\n"


async def answer(path: bytes, headers: bytes) -> bytes:
    """The first line of the answer, once the gateway has closed the connection."""
    async with open_house(variables=peer_of("twilio").settings) as house:
        host, _, port = house.address.removeprefix("http://").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(ASKED % (path, headers))
        async with asyncio.timeout(10):
            said = await reader.read()
        writer.close()
    return said.partition(b"\r\n")[0]


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"X-Odd: \x7f\r\n",
        b"Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.\xff\r\n",
    ],
    ids=["body", "chunks", "control", "no ASCII"],
)
async def test_a_request_that_cannot_be_read_is_refused(
    header: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert await answer(b"/browser", HOST + header) == b"HTTP/1.1 400 Bad Request"
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("host", [b"[::1", b"a b", b"x/y", b"\xff"])
async def test_a_name_that_is_no_host_signs_nothing(
    host: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    said = await answer(b"/twilio/media", b"Host: " + host + b"\r\n")
    assert said == b"HTTP/1.1 403 Forbidden"
    assert not [record for record in caplog.records if record.exc_info]
