"""jambonz' side: webhooks with a password, the verb listen, and the module that carries it out."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from httpx2 import AsyncClient
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from audio.format import pcm16
from gateway.callers.dialect import Message
from tests.callers.peers.peer import Link, Peer, Ring
from tests.callers.peers.provider import (
    Clear,
    HungUp,
    Mark,
    Messages,
    Order,
    Provider,
    Sound,
    Transferred,
)
from tests.house import House

PASSWORD = "s3cret"
BASIC = {"authorization": "Basic " + b64encode(b"trunkline:s3cret").decode()}
SID = "5f3e0d5f-ba6f-4b18-8d80-aaaaaaaaaaaa"
MOST_MARKS = 30


class Stream:
    """One listen with streaming bidirectional audio.

    A mark is kept until sound comes after it, and stands in the module's buffer as a sample of -1.
    """

    def __init__(
        self,
        metadata: Mapping[str, str] | None = None,
        ring: Ring | None = None,
        rate: int = 8_000,
    ) -> None:
        self.format, self.frame = pcm16(rate), rate // 50
        self._metadata, self._ring = metadata or {}, ring or Ring()
        self._marks: list[str] = []  # that wait for sound
        self._out: set[str] = set()  # that have not been let go

    def begin(self) -> Messages:
        attributes = {
            "callSid": SID,
            "direction": "inbound",
            "from": self._ring.caller,
            "to": self._ring.called,
            "callId": "4ebb574f-2772-123d-6a91-aaaaaaaaaaaa",
            "accountSid": "66acafce-44c2-417a-a7c0-aaaaaaaaaaaa",
            "applicationSid": None,
            "sampleRate": self.format.rate,
            "mixType": "mono",
        }
        return [json.dumps({**attributes, **self._metadata})]

    def speak(self, audio: bytes) -> Messages:
        return [audio]

    def press(self, digit: str) -> Messages:
        return [json.dumps({"event": "dtmf", "dtmf": digit, "duration": 1600})]

    def hang_up(self) -> Messages:
        return []  # the socket is closed

    def played(self, mark: str) -> Messages:
        if mark not in self._out:
            return [_mark(mark, "playout")]  # a second time: no module does so
        self._out.remove(mark)
        return [_mark(mark, "playout")]

    def cleared(self, marks: Sequence[str]) -> Messages:
        gone = [*marks, *self._marks]
        self._marks.clear()
        self._out.clear()
        return [_mark(mark, "cleared") for mark in gone]

    def take(self, message: Message) -> Sequence[Order]:
        if isinstance(message, bytes):
            assert b"\xff\xff" not in [message[at : at + 2] for at in range(0, len(message), 2)]
            marks, self._marks = self._marks, []
            return [*map(Mark, marks), Sound(message)]
        match json.loads(message):
            case {"type": "mark", "data": {"name": name}}:
                assert len(self._out) < MOST_MARKS, "dropped without a word"
                self._out.add(name)
                self._marks.append(name)
                return []
            case {"type": "killAudio"}:
                return [Clear()]
            case {"type": "disconnect"}:
                return [HungUp()]
            case {"type": "transfer", "data": {"target": target}}:
                return [Transferred(target)]
        raise AssertionError(f"not a message of the module: {message}")


def _mark(name: str, event: str) -> str:
    return json.dumps({"type": "mark", "data": {"name": name, "event": event}})


def told(ring: Ring) -> dict[str, Any]:
    """What a webhook is told of a call."""
    return {
        "call_sid": SID,
        "direction": "inbound",
        "from": ring.caller,
        "to": ring.called,
        "call_id": "4ebb574f-2772-123d-6a91-aaaaaaaaaaaa",
        "sip_status": 100,
        "call_status": "trying",
        "account_sid": "66acafce-44c2-417a-a7c0-aaaaaaaaaaaa",
        "caller_name": "",
    }


async def ring_up(house: House, ring: Ring) -> tuple[Link, Provider]:
    address = f"{house.address}/jambonz/voice?{urlencode(ring.parameters)}"
    async with AsyncClient() as http:
        response = await http.post(address, json=told(ring), headers=BASIC)
    assert response.status_code == 200, response.text
    (verb,) = response.json()
    assert verb["verb"] == "listen"
    assert verb["bidirectionalAudio"] == {
        "enabled": True,
        "streaming": True,
        "sampleRate": verb["sampleRate"],
    }
    pair = f"{verb['wsAuth']['username']}:{verb['wsAuth']['password']}"
    link = await connect(
        verb["url"].replace("wss://", "ws://"),
        additional_headers={"authorization": "Basic " + b64encode(pair.encode()).decode()},
        subprotocols=[Subprotocol("audio.jambonz.org")],
        proxy=None,
        compression=None,
    )
    assert link.subprotocol == "audio.jambonz.org"
    return link, Stream(verb["metadata"], ring, verb["sampleRate"])


PEER = Peer(
    {
        "TRUNKLINE_BRIDGES__JAMBONZ__ENABLED": "true",
        "TRUNKLINE_BRIDGES__JAMBONZ__PASSWORD": PASSWORD,
    },
    ring_up,
)
