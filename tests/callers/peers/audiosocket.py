"""Asterisk's side of AudioSocket: a ticket from the dialplan's CURL(), and a TCP stream."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from httpx2 import AsyncClient

from audio.format import pcm16
from gateway.callers.dialect import Message
from tests.callers.peers.peer import Link, Peer, Ring
from tests.callers.peers.provider import HungUp, Messages, Order, Provider, Sound
from tests.house import House

WORD = "40325ec2-5efd-4bd3-805f-53576e581d13"


def frame(kind: int, payload: bytes) -> bytes:
    return bytes((kind,)) + len(payload).to_bytes(2, "big") + payload


class Stream:
    """One connection; `kind` of its sound."""

    def __init__(self, word: str = WORD, kind: int = 0x10, rate: int = 8_000) -> None:
        self.format, self.frame = pcm16(rate), rate // 50
        self._word, self._kind = word, kind

    def begin(self) -> Messages:
        return [frame(0x01, UUID(self._word).bytes)]

    def speak(self, audio: bytes) -> Messages:
        return [frame(self._kind, audio)]

    def press(self, digit: str) -> Messages:
        return [frame(0x03, digit.encode())]

    def hang_up(self) -> Messages:
        return []  # Asterisk just closes the stream

    def played(self, mark: str) -> Messages:
        raise AssertionError("there are no marks")

    def cleared(self, marks: Sequence[str]) -> Messages:
        assert not marks
        return []

    def take(self, message: Message) -> Sequence[Order]:
        assert isinstance(message, bytes)
        kind, payload = message[0], message[3:]
        assert len(payload) == int.from_bytes(message[1:3], "big")
        if kind == 0x00:
            assert message == b"\0\0\0"
            return [HungUp()]
        assert kind == self._kind, "Received AudioSocket message other than hangup or audio"
        assert payload, "Invalid message length received from AudioSocket server"
        return [Sound(payload)]


def is_frame(message: Message) -> bool:
    """Whether a stream can tell that it ends here: else it waits for the rest."""
    whole = isinstance(message, bytes) and len(message) >= 3
    return whole and len(message) == 3 + int.from_bytes(message[1:3], "big")  # type: ignore[arg-type]


@dataclass
class TcpLink:
    """A stream that is read frame by frame."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, message: Message, /) -> None:
        assert isinstance(message, bytes)
        self.writer.write(message)
        await self.writer.drain()

    async def recv(self) -> Message:
        try:
            header = await self.reader.readexactly(3)
            return header + await self.reader.readexactly(int.from_bytes(header[1:], "big"))
        except OSError as error:
            raise EOFError from error

    async def close(self) -> None:
        self.writer.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port: int = bound.getsockname()[1]
        return port


PORT = free_port()


async def ticket(house: House, ring: Ring) -> str:
    """What a dialplan fetches for a call."""
    fields = {"from": ring.caller, "to": ring.called, **ring.parameters}
    async with AsyncClient() as http:
        response = await http.post(f"{house.address}/audiosocket/voice", data=fields)
    assert response.status_code == 200, response.text
    return response.text


async def dial(port: int = PORT) -> TcpLink:
    return TcpLink(*await asyncio.open_connection("127.0.0.1", port))


async def ring_up(house: House, ring: Ring) -> tuple[Link, Provider]:
    return await dial(), Stream(await ticket(house, ring))


PEER = Peer(
    {
        "TRUNKLINE_BRIDGES__AUDIOSOCKET__ENABLED": "true",
        "TRUNKLINE_BRIDGES__AUDIOSOCKET__PORT": str(PORT),
    },
    ring_up,
    paced=True,
    carries=is_frame,
)
