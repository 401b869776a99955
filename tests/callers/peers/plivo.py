"""Plivo's side: a signed webhook, XML that is followed, and audio streaming."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

from httpx2 import AsyncClient
from websockets.asyncio.client import connect

from audio.format import Format, pcm16
from gateway.callers.dialect import Message
from gateway.callers.plivo import signature
from tests.callers.peers.peer import Link, Peer, Ring
from tests.callers.peers.provider import Clear, Mark, Messages, Order, Provider, Sound
from tests.house import House

TOKEN = "MzA5ZDkx"
KINDS = {
    "audio/x-mulaw;rate=8000": Format("pcmu", 8_000),
    "audio/x-l16;rate=8000": pcm16(8_000),
    "audio/x-l16;rate=16000": pcm16(16_000),
}


class Stream:
    """One bidirectional stream. Each number is now a number and now a string."""

    def __init__(self, extra: str = "", content: str = "audio/x-mulaw;rate=8000") -> None:
        self.format = KINDS[content]
        self.frame = self.format.rate // 50
        self._kind = content.partition(";")[0]
        self._extra = extra
        self._sequence = 0
        self._chunks = 0

    def begin(self) -> Messages:
        start = {
            "callId": "c-1",
            "streamId": "s-1",
            "accountId": "MA1",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": self._kind, "sampleRate": self.format.rate},
        }
        return [self._numbered("start", start=start, extra_headers=self._extra)]

    def speak(self, audio: bytes) -> Messages:
        self._chunks += 1
        media = {
            "track": "inbound",
            "timestamp": "1705312200000",
            "chunk": self._chunks if self._chunks % 2 else str(self._chunks),
            "payload": b64encode(audio).decode(),
        }
        return [self._numbered("media", streamId="s-1", media=media, extra_headers=self._extra)]

    def press(self, digit: str) -> Messages:
        pressed = {"track": "inbound", "digit": digit, "timestamp": "1705312205000"}
        return [self._numbered("dtmf", streamId="s-1", dtmf=pressed)]

    def hang_up(self) -> Messages:
        return []  # the socket is closed

    def played(self, mark: str) -> Messages:
        return [self._numbered("playedStream", streamId="s-1", name=mark)]

    def cleared(self, marks: Sequence[str]) -> Messages:
        return [self._numbered("clearedAudio", streamId="s-1")]

    def take(self, message: Message) -> Sequence[Order]:
        assert isinstance(message, str), "text frames only"
        match json.loads(message):
            case {"event": "playAudio", "media": media}:
                assert media["contentType"] == self._kind, "without its rate"
                assert media["sampleRate"] == self.format.rate
                return [Sound(b64decode(media["payload"], validate=True))]
            case {"event": "checkpoint", "streamId": "s-1", "name": name}:
                return [Mark(name)]
            case {"event": "clearAudio", "streamId": "s-1"}:
                return [Clear()]
        raise AssertionError(f"not an event: {message}")

    def _numbered(self, event: str, **rest: Any) -> str:
        self._sequence += 1
        number = self._sequence if self._sequence % 2 else str(self._sequence)
        return json.dumps({"event": event, "sequenceNumber": number, **rest})


def form(ring: Ring) -> list[tuple[str, str]]:
    """What the webhook is told of a call."""
    return [
        ("CallUUID", "c-1"),
        ("From", ring.caller),
        ("To", ring.called),
        ("CallStatus", "ringing"),
        ("Direction", "inbound"),
        ("Event", "StartApp"),
    ]


def signed(
    url: str, fields: Iterable[tuple[str, str]] = (), method: str = "POST"
) -> dict[str, str]:
    """The headers of a request; a second key of the account signs too."""
    made = signature(TOKEN, method, url, "12345", fields)
    other = signature("another", method, url, "12345", fields)
    return {"X-Plivo-Signature-V3": f"{other},{made}", "X-Plivo-Signature-V3-Nonce": "12345"}


def public(house: House, path: str, scheme: str = "https") -> str:
    """An address of the gateway, as it would be behind a proxy that speaks TLS."""
    return f"{scheme}://{house.address.removeprefix('http://')}{path}"


async def ring_up(house: House, ring: Ring) -> tuple[Link, Provider]:
    path = "/plivo/voice" + (f"?{urlencode(ring.parameters)}" if ring.parameters else "")
    fields = form(ring)
    headers = signed(public(house, path), fields)
    async with AsyncClient() as http:
        response = await http.post(house.address + path, data=dict(fields), headers=headers)
    assert response.status_code == 200, response.text
    stream = ElementTree.fromstring(response.text).find("Stream")
    assert stream is not None
    assert stream.text is not None
    assert (stream.attrib["bidirectional"], stream.attrib["audioTrack"]) == ("true", "inbound")
    extra = stream.attrib["extraHeaders"]
    assert extra.replace(",", "").replace("=", "").isalnum(), "letters and digits only"
    address = stream.text.replace("wss://", "ws://")
    link = await connect(
        address,
        additional_headers=signed(stream.text, method="GET"),
        proxy=None,
        compression=None,
    )
    return link, Stream(extra.replace(",", ";"), stream.attrib["contentType"])


PEER = Peer(
    {
        "TRUNKLINE_BRIDGES__PLIVO__ENABLED": "true",
        "TRUNKLINE_BRIDGES__PLIVO__AUTH_TOKEN": TOKEN,
    },
    ring_up,
)
