"""Asterisk's side of chan_websocket, when it is the one that connects."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from audio.format import Format, pcm16
from gateway.callers.dialect import Message
from tests.callers.peers.peer import Link, Peer, Ring
from tests.callers.peers.provider import Clear, HungUp, Mark, Messages, Order, Provider, Sound
from tests.house import House

PASSWORD = "a password"
CHANNEL = "1795.35"
XOFF, XON, FULL = 900, 800, 1000  # frames


class Stream:
    """One connection, which speaks JSON or plain text."""

    def __init__(
        self,
        variables: Mapping[str, str] | None = None,
        spoken: str = "slin16",
        form: Format | None = None,
        *,
        plain: bool = False,
    ) -> None:
        self.format = form or pcm16(16_000)
        self.frame = self.format.rate // 50
        self._variables, self._spoken, self._plain = variables or {}, spoken, plain

    @property
    def size(self) -> int:
        """Bytes of a frame."""
        return self.frame * self.format.width

    def begin(self) -> Messages:
        start = {
            "connection_id": "gw",
            "channel": "WebSocket/gw/0x7f",
            "channel_id": CHANNEL,
            "format": self._spoken,
            "optimal_frame_size": self.size,
            "ptime": 20,
        }
        if self._plain:
            return ["MEDIA_START " + " ".join(f"{name}:{told}" for name, told in start.items())]
        return [json.dumps({"event": "MEDIA_START", **start, "channel_variables": self._variables})]

    def event(self, name: str, **fields: str) -> Messages:
        """An event of which the fields come after its name."""
        if not self._plain:
            return [json.dumps({"event": name, "channel_id": CHANNEL, **fields})]
        if "correlation_id" in fields:
            return [f"{name} {fields['correlation_id']}"]
        told = {**fields, "channel_id": CHANNEL} if fields else {}
        return [" ".join([name, *(f"{key}:{value}" for key, value in told.items())])]

    def speak(self, audio: bytes) -> Messages:
        return [audio]

    def press(self, digit: str) -> Messages:
        return self.event("DTMF_END", digit=digit)

    def hang_up(self) -> Messages:
        return []  # the socket is closed with code 1000

    def played(self, mark: str) -> Messages:
        return self.event("MEDIA_MARK_PROCESSED", correlation_id=mark)

    def cleared(self, marks: Sequence[str]) -> Messages:
        return []  # they are lost without a word

    def take(self, message: Message) -> Sequence[Order]:
        if isinstance(message, bytes):
            assert 0 < len(message) <= 65_535, "closed with code 1009"
            assert len(message) % self.size == 0, "what is no whole frame is thrown away"
            return [Sound(message)]
        assert len(message.encode()) <= 128, "exceeds maximum length of 128"
        if self._plain:
            command, _, mark = message.partition(" ")
        else:
            said = json.loads(message)
            command, mark = said["command"], said.get("correlation_id", "")
        match command:
            case "MARK_MEDIA":
                return [Mark(mark)]
            case "FLUSH_MEDIA":
                return [Clear()]
            case "HANGUP":
                return [HungUp()]
        assert command == "ANSWER", "command unknown"
        return []


def basic(password: str = PASSWORD) -> dict[str, str]:
    login = b64encode(f"asterisk:{password}".encode()).decode()
    return {"Authorization": f"Basic {login}"}


async def ring_up(house: House, ring: Ring) -> tuple[Link, Provider]:
    given = urlencode({"from": ring.caller, "to": ring.called})
    address = house.address.replace("http://", "ws://") + f"/chan_websocket/media?{given}"
    link = await connect(
        address,
        additional_headers=basic(),
        subprotocols=[Subprotocol("media")],
        proxy=None,
        compression=None,
    )
    assert link.subprotocol == "media"
    return link, Stream({f"__{name}": told for name, told in ring.parameters.items()})


PEER = Peer(
    {
        "TRUNKLINE_BRIDGES__CHAN_WEBSOCKET__ENABLED": "true",
        "TRUNKLINE_BRIDGES__CHAN_WEBSOCKET__PASSWORD": PASSWORD,
    },
    ring_up,
)
