"""Vonage's side: webhooks and upgrades with a JWT, an NCCO that is followed, frames of 20 ms."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import jwt
from httpx2 import AsyncClient
from websockets.asyncio.client import connect

from audio.format import pcm16
from gateway.callers.dialect import Message
from tests.callers.peers.peer import Link, Peer, Ring
from tests.callers.peers.provider import Clear, Mark, Messages, Order, Provider, Sound
from tests.house import House

SECRET = "a signature secret as it is long enough"
UUID = "63f61863-4a51-4f6b-86e1-46edebcf9356"
BUFFER = 3072  # messages


class Stream:
    """One WebSocket endpoint of an NCCO."""

    def __init__(self, headers: Mapping[str, str] | None = None, rate: int = 16_000) -> None:
        self.format, self.frame = pcm16(rate), rate // 50
        self._headers = headers or {}

    def begin(self) -> Messages:
        content = f"audio/l16;rate={self.format.rate}"
        return [
            json.dumps({"event": "websocket:connected", "content-type": content, **self._headers})
        ]

    def speak(self, audio: bytes) -> Messages:
        return [audio]

    def press(self, digit: str) -> Messages:
        return [json.dumps({"event": "websocket:dtmf", "digit": digit, "duration": 260})]

    def hang_up(self) -> Messages:
        return []  # the socket is closed

    def played(self, mark: str) -> Messages:
        return [json.dumps({"event": "websocket:notify", "payload": {"id": mark}})]

    def cleared(self, marks: Sequence[str]) -> Messages:
        return [json.dumps({"event": "websocket:cleared"})]

    def take(self, message: Message) -> Sequence[Order]:
        if isinstance(message, bytes):
            assert len(message) == 2 * self.frame, "frames of exactly 20 ms"
            return [Sound(message)]
        match json.loads(message):
            case {"action": "notify", "payload": {"id": name}}:
                return [Mark(name)]
            case {"action": "clear"}:
                return [Clear()]
        raise AssertionError(f"not an action: {message}")


def bearer(body: bytes = b"", secret: str = SECRET, **claims: Any) -> dict[str, str]:
    """The header that proves a request to be Vonage's."""
    known = {"iat": int(time.time()), "jti": "j1", "iss": "Vonage", "api_key": "abcd1234"}
    if body:
        known["payload_hash"] = sha256(body).hexdigest()
    token = jwt.encode({**known, **claims}, secret, algorithm="HS256")
    return {"authorization": f"Bearer {token}"}


def told(ring: Ring) -> bytes:
    """What the answer webhook is told of a call."""
    call = {"from": ring.caller, "to": ring.called, "uuid": UUID, "conversation_uuid": "CON-1"}
    return json.dumps(call).encode()


async def ring_up(house: House, ring: Ring) -> tuple[Link, Provider]:
    body = told(ring)
    address = f"{house.address}/vonage/voice?{urlencode(ring.parameters)}"
    async with AsyncClient() as http:
        response = await http.post(address, content=body, headers=bearer(body))
    assert response.status_code == 200, response.text
    ((endpoint,),) = (action["endpoint"] for action in response.json())
    assert (endpoint["type"], endpoint["authorization"]) == ("websocket", {"type": "vonage"})
    rate = int(endpoint["content-type"].partition("rate=")[2])
    url = endpoint["uri"].replace("wss://", "ws://")
    link = await connect(url, additional_headers=bearer(), proxy=None, compression=None)
    return link, Stream(endpoint["headers"], rate)


PEER = Peer(
    {
        "TRUNKLINE_BRIDGES__VONAGE__ENABLED": "true",
        "TRUNKLINE_BRIDGES__VONAGE__SIGNATURE_SECRET": SECRET,
    },
    ring_up,
)
