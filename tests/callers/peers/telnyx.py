"""Telnyx' side: a webhook signed with Ed25519, TeXML that is followed, streams out of order."""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from httpx2 import AsyncClient
from websockets.asyncio.client import connect

from audio.format import Format
from gateway.callers.dialect import Message
from tests.callers.peers.peer import Link, Peer, Ring
from tests.callers.peers.provider import Clear, Mark, Messages, Order, Provider, Sound
from tests.house import House

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = b64encode(KEY.public_key().public_bytes_raw()).decode()
TABLE = {"PCMU": "pcmu", "PCMA": "pcma", "L16": "pcm16be"}


class Stream:
    """One bidirectional stream in rtp mode. Two of ten frames come in each other's place."""

    def __init__(
        self, parameters: dict[str, str] | None = None, ring: Ring | None = None, codec: str = ""
    ) -> None:
        self._codec = codec or "PCMU"
        rate = 16_000 if self._codec == "L16" else 8_000
        self.format, self.frame = Format(TABLE[self._codec], rate), rate // 50  # type: ignore[arg-type]
        self._ring = ring or Ring()
        self._parameters = parameters or {}
        self._sequence = 0
        self._chunks = 0
        self._held: list[str] = []

    def begin(self) -> Messages:
        start = {
            "user_id": "u1",
            "call_control_id": "v3:abc",
            "call_session_id": "s1",
            "from": self._ring.caller,
            "to": self._ring.called,
            "tags": [],
            "custom_parameters": self._parameters,
            "media_format": {
                "encoding": self._codec,
                "sample_rate": self.format.rate,
                "channels": 1,
            },
        }
        return [
            json.dumps({"event": "connected", "version": "1.0.0"}),
            self._numbered("start", start=start),
        ]

    def speak(self, audio: bytes) -> Messages:
        self._chunks += 1
        media = {
            "track": "inbound",
            "chunk": str(self._chunks),
            "timestamp": str(20 * self._chunks),
            "payload": b64encode(audio).decode(),
        }
        message = self._numbered("media", media=media)
        if self._chunks % 10 == 5:
            self._held.append(message)
            return []
        held, self._held = self._held, []
        return [message, *held]

    def press(self, digit: str) -> Messages:
        return [self._numbered("dtmf", occurred_at="2026-01-01T00:00:00Z", dtmf={"digit": digit})]

    def hang_up(self) -> Messages:
        stop = {"user_id": "u1", "call_control_id": "v3:abc"}
        return [self._numbered("stop", stop=stop)]

    def played(self, mark: str) -> Messages:
        return [self._numbered("mark", mark={"name": mark})]

    def cleared(self, marks: Sequence[str]) -> Messages:
        return [one for mark in marks for one in self.played(mark)]

    def take(self, message: Message) -> Sequence[Order]:
        assert isinstance(message, str), "100003 malformed_frame"
        match json.loads(message):
            case {"event": "media", "media": {"payload": payload}}:
                audio = b64decode(payload, validate=True)
                seconds = self.format.samples(audio) / self.format.rate
                assert 0.02 <= seconds <= 30, "100004 invalid_media"
                return [Sound(audio)]
            case {"event": "mark", "mark": {"name": name}}:
                return [Mark(name)]
            case {"event": "clear"}:
                return [Clear()]
        raise AssertionError(f"100003 malformed_frame: {message}")

    def _numbered(self, event: str, **rest: Any) -> str:
        self._sequence += 1
        said = {"event": event, "sequence_number": str(self._sequence), "stream_id": "5A1E"}
        return json.dumps({**said, **rest})


def signed(body: bytes, when: float | None = None) -> dict[str, str]:
    """The headers that Telnyx gives a webhook."""
    stamp = str(int(time.time() if when is None else when))
    signature = b64encode(KEY.sign(stamp.encode() + b"|" + body)).decode()
    return {"telnyx-timestamp": stamp, "telnyx-signature-ed25519": signature}


def form(ring: Ring) -> bytes:
    """What a TeXML webhook is told of a call."""
    return urlencode(
        {"CallSid": "v3:abc", "From": ring.caller, "To": ring.called, "CallStatus": "ringing"}
    ).encode()


async def ring_up(house: House, ring: Ring) -> tuple[Link, Provider]:
    body = form(ring)
    headers = {"content-type": "application/x-www-form-urlencoded", **signed(body)}
    async with AsyncClient() as http:
        address = f"{house.address}/telnyx/voice?{urlencode(ring.parameters)}"
        response = await http.post(address, content=body, headers=headers)
    assert response.status_code == 200, response.text
    stream = ElementTree.fromstring(response.text).find("Connect/Stream")
    assert stream is not None
    assert stream.attrib["bidirectionalMode"] == "rtp", "else nothing is heard of the gateway"
    parameters = {one.attrib["name"]: one.attrib["value"] for one in stream.findall("Parameter")}
    address = stream.attrib["url"].replace("wss://", "ws://")
    link = await connect(address, proxy=None, compression=None)
    return link, Stream(parameters, ring, stream.attrib["codec"])


PEER = Peer(
    {
        "TRUNKLINE_BRIDGES__TELNYX__ENABLED": "true",
        "TRUNKLINE_BRIDGES__TELNYX__PUBLIC_KEY": PUBLIC,
    },
    ring_up,
)
