"""Twilio's side: a signed webhook, TwiML that is followed, and Media Streams."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

from httpx2 import AsyncClient
from websockets.asyncio.client import connect

from audio.format import Format
from gateway.callers.dialect import Message
from gateway.callers.twiml_signature import signature
from tests.callers.peers.peer import Link, Peer, Ring
from tests.callers.peers.provider import Clear, Mark, Messages, Order, Provider, Sound
from tests.house import House

TOKEN = "12345"


class Stream:
    """One bidirectional stream."""

    def __init__(self, parameters: dict[str, str] | None = None) -> None:
        self.format, self.frame = Format("pcmu", 8_000), 160
        self.spoken = {"encoding": "audio/x-mulaw", "sampleRate": 8_000, "channels": 1}
        self._parameters = parameters or {}
        self._sequence = 0
        self._chunks = 0

    def begin(self) -> Messages:
        start = {
            "streamSid": "MZ01",
            "accountSid": "AC01",
            "callSid": "CA01",
            "tracks": ["inbound"],
            "mediaFormat": self.spoken,
            "customParameters": self._parameters,
        }
        return [
            json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}),
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
        return [self._numbered("media", media=media)]

    def press(self, digit: str) -> Messages:
        return [self._numbered("dtmf", dtmf={"track": "inbound_track", "digit": digit})]

    def hang_up(self) -> Messages:
        return [self._numbered("stop", stop={"accountSid": "AC01", "callSid": "CA01"})]

    def played(self, mark: str) -> Messages:
        return [self._numbered("mark", mark={"name": mark})]

    def cleared(self, marks: Sequence[str]) -> Messages:
        return [one for mark in marks for one in self.played(mark)]

    def take(self, message: Message) -> Sequence[Order]:
        assert isinstance(message, str), "a binary frame is discarded with a warning"
        said = json.loads(message)
        assert said.pop("streamSid") == "MZ01"
        match said:
            case {"event": "media", "media": {"payload": payload}}:
                return [Sound(b64decode(payload, validate=True))]
            case {"event": "mark", "mark": {"name": name}}:
                return [Mark(name)]
            case {"event": "clear"} if len(said) == 1:
                return [Clear()]
        raise AssertionError(f"error 31924, protocol error: {message}")

    def _numbered(self, event: str, **rest: Any) -> str:
        self._sequence += 1
        said = {"event": event, "sequenceNumber": str(self._sequence), "streamSid": "MZ01"}
        return json.dumps({**said, **rest})


def form(ring: Ring) -> dict[str, str]:
    """What the webhook is told of a call."""
    return {
        "CallSid": "CA01",
        "AccountSid": "AC01",
        "From": ring.caller,
        "To": ring.called,
        "CallStatus": "ringing",
        "Direction": "inbound",
    }


async def answer(house: House, ring: Ring, path: str, header: str) -> ElementTree.Element:
    """The TwiML that the webhook answers with."""
    if ring.parameters:
        path += "?" + urlencode(ring.parameters)
    fields = form(ring)
    signed = signature(TOKEN, "sha1", public(house, path), fields.items())
    async with AsyncClient() as http:
        response = await http.post(house.address + path, data=fields, headers={header: signed})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/xml")
    return ElementTree.fromstring(response.text)


def public(house: House, path: str, scheme: str = "https") -> str:
    """An address of the gateway, as it would be behind a proxy that speaks TLS."""
    return f"{scheme}://{house.address.removeprefix('http://')}{path}"


async def ring_up(house: House, ring: Ring) -> tuple[Link, Provider]:
    twiml = await answer(house, ring, "/twilio/voice", "X-Twilio-Signature")
    stream = twiml.find("Connect/Stream")
    assert stream is not None
    url = stream.attrib["url"]
    assert "?" not in url, "it would be stripped"
    parameters = {one.attrib["name"]: one.attrib["value"] for one in stream.findall("Parameter")}
    headers = {"X-Twilio-Signature": signature(TOKEN, "sha1", url, [])}
    address = url.replace("wss://", "ws://")
    link = await connect(address, additional_headers=headers, proxy=None, compression=None)
    return link, Stream(parameters)


PEER = Peer(
    {"TRUNKLINE_BRIDGES__TWILIO__ENABLED": "true", "TRUNKLINE_BRIDGES__TWILIO__AUTH_TOKEN": TOKEN},
    ring_up,
)
