"""The floor: joins each caller's socket to one of the model's, and looks into nothing.

python -m tests.bench.wire.splice PORT UPSTREAM_PORT
"""

from __future__ import annotations

import asyncio
import sys

import picows
import uvloop


class End(picows.WSListener):
    """One of two joined sockets."""

    def __init__(self) -> None:
        self.other: picows.WSTransport | None = None
        self.transport: picows.WSTransport | None = None

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.disconnect()
            if self.other is not None:
                self.other.disconnect()
        elif self.other is not None:
            self.other.send(frame.msg_type, frame.get_payload_as_memoryview())


class Front(End):
    """The caller's end, which has the other one opened."""

    def __init__(self, upstream: str) -> None:
        super().__init__()
        self._upstream = upstream

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        super().on_ws_connected(transport)
        self._opening = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        self.other, back = await picows.ws_connect(End, self._upstream)
        assert isinstance(back, End)
        back.other = self.transport


async def main() -> None:
    port, upstream = int(sys.argv[1]), f"ws://127.0.0.1:{sys.argv[2]}/"
    server = await picows.ws_create_server(lambda request: Front(upstream), "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
