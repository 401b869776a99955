"""A client of the Realtime API over WebSocket, with PCM16 at 24 kHz and the server's own turns."""

from __future__ import annotations

import asyncio
import time
from base64 import b64decode, b64encode
from functools import lru_cache

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport

from audio.format import pcm16
from gateway.load.lines.line import REFUSED, CallFailedError, Over, Speaker
from gateway.load.lines.sockets import SECONDS, Ended, explain, open_socket

UPDATE = (
    b'{"type":"session.update","session":{"type":"realtime","output_modalities":["audio"],'
    b'"audio":{"input":{"format":{"type":"audio/pcm","rate":24000},"turn_detection":'
    b'{"type":"server_vad"}},"output":{"format":{"type":"audio/pcm","rate":24000}}}}}'
)
DELTAS = ("response.output_audio.delta", "response.audio.delta")
CUT = "input_audio_buffer.speech_started"  # a client stops playing when it hears of it


class _Error(msgspec.Struct):
    code: str | None = None
    message: str = ""


class _Said(msgspec.Struct):
    type: str
    delta: str = ""
    error: _Error | None = None


_SAID = msgspec.json.Decoder(_Said)


class Client(WSListener):
    """One call."""

    def __init__(self, caller: Speaker, over: Over) -> None:
        self._caller = caller
        self._ended = Ended(self._over)
        self._told = over
        self._socket: WSTransport | None = None
        self.taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._socket = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        now = time.monotonic()
        if (said := self._ended.read(transport, frame, _SAID)) is None:
            return
        if said.type in DELTAS:
            self._caller.ear.sound(now, b64decode(said.delta))
        elif said.type == CUT:
            self._caller.ear.cleared(now)
        elif said.type == "session.created":
            transport.send(WSMsgType.TEXT, UPDATE)
        elif said.type == "session.updated" and not self.taken.done():
            self.taken.set_result(None)
            self._caller.answered(now)
        elif said.type == "error" and said.error is not None and not self.taken.done():
            self._ended.tell(REFUSED, f"{said.error.code}: {said.error.message}"[:120])

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._ended.lost()

    def beat(self, now: float) -> None:
        """Another 20 ms have passed."""
        assert self._socket is not None
        self._socket.send(WSMsgType.TEXT, _append(self._caller.frame(now)))

    def hang_up(self) -> None:
        """The caller is done."""
        self._ended.expected = True
        if self._socket is not None and not self._socket.is_disconnected:
            self._socket.send_close()
            self._socket.disconnect()

    def _over(self, cause: str, detail: str) -> None:
        if self.taken.done():
            self._told(cause, detail)
        else:
            self.taken.set_exception(CallFailedError(cause, detail))


@lru_cache(4096)
def _append(frame: bytes) -> bytes:
    return b'{"type":"input_audio_buffer.append","audio":"%b"}' % b64encode(frame)


class Realtime:
    """Calls to a WebSocket of the Realtime API; `token` is the key."""

    form = pcm16(24_000)

    def __init__(self, url: str, token: str = "") -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def call(self, caller: Speaker, over: Over) -> Client:
        """Place a call; it is answered when this returns. Raises CallFailedError."""
        client = Client(caller, over)
        await open_socket(client, self._url, self._headers)
        try:
            async with asyncio.timeout(SECONDS):
                await client.taken
        except BaseException as error:
            client.hang_up()
            raise explain(error) if isinstance(error, TimeoutError) else error from None
        return client

    async def close(self) -> None:
        """No more calls."""
