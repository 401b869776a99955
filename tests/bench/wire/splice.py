"""The floor: joins each caller's connection to one of the model's, and looks into nothing.

python -m tests.bench.wire.splice PORT UPSTREAM_PORT      # WebSockets
python -m tests.bench.wire.splice PORT UPSTREAM_PORT tcp  # bytes
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import picows
import uvloop


class End(picows.WSListener):
    """One of two joined sockets. What comes before the other is there waits."""

    def __init__(self) -> None:
        self.other: picows.WSTransport | None = None
        self._early: list[tuple[picows.WSMsgType, bytes]] = []

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.disconnect()
            if self.other is not None:
                self.other.disconnect()
        elif self.other is not None:
            self.other.send(frame.msg_type, frame.get_payload_as_memoryview())
        else:
            self._early.append((frame.msg_type, frame.get_payload_as_bytes()))

    def join(self, other: picows.WSTransport) -> None:
        self.other = other
        for kind, message in self._early:
            other.send(kind, message)


class Front(End):
    """The caller's end, which has the other one opened."""

    def __init__(self, upstream: str) -> None:
        super().__init__()
        self._upstream = upstream

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        super().on_ws_connected(transport)
        self._opening = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        other, back = await picows.ws_connect(End, self._upstream)
        assert isinstance(back, End)
        back.join(self.transport)
        self.join(other)


class Pipe(asyncio.Protocol):
    """One of two joined streams. What comes before the other is there waits."""

    def __init__(self) -> None:
        self.other: asyncio.Transport | None = None
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are none by name

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._early += data
        else:
            self.other.write(data)

    def join(self, other: asyncio.Transport) -> None:
        self.other = other
        other.write(self._early)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None:
            self.other.close()


class FrontPipe(Pipe):
    """The caller's end, which has the other one opened."""

    def __init__(self, upstream: int) -> None:
        super().__init__()
        self._upstream = upstream

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._opening = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        other, back = await loop.create_connection(Pipe, "127.0.0.1", self._upstream)
        back.join(self.transport)
        self.join(other)


async def main() -> None:
    port, upstream = int(sys.argv[1]), int(sys.argv[2])
    server: asyncio.Server | asyncio.AbstractServer
    if sys.argv[3:] == ["tcp"]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: FrontPipe(upstream), "127.0.0.1", port)
    else:
        address = f"ws://127.0.0.1:{upstream}/"
        server = await picows.ws_create_server(lambda request: Front(address), "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
