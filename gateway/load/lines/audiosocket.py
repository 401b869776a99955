"""Asterisk's side of AudioSocket: a UUID, then PCM16 in frames of 20 ms, either way."""

from __future__ import annotations

import asyncio
import time
from typing import cast
from urllib.parse import urlsplit
from uuid import uuid4

from audio.format import pcm16
from gateway.load.lines.line import (
    BROKE,
    FULL,
    NOT_UNDERSTOOD,
    REFUSED,
    CallFailedError,
    Over,
    Speaker,
)
from gateway.load.lines.sockets import SECONDS, Ended, explain

HEADER = 3
HANG_UP, IDENTITY, SOUND = 0x00, 0x01, 0x10
KINDS = (HANG_UP, SOUND)  # of what a gateway may say
HEAD = bytes((SOUND,)) + (320).to_bytes(2, "big")  # of 20 ms


class Connection(asyncio.Protocol):
    """One call. It was taken once the first sound comes back; Asterisk's callers hear at once."""

    def __init__(self, caller: Speaker, over: Over) -> None:
        self._caller, self._rest = caller, b""
        self._ended, self._told = Ended(self._over), over
        self._transport: asyncio.Transport | None = None
        self.taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by name
        self._transport.write(bytes((IDENTITY, 0, 16)) + uuid4().bytes)
        self._transport.write(HEAD + self._caller.frame(time.monotonic()))  # it says which format

    def data_received(self, data: bytes) -> None:
        now, at = time.monotonic(), 0
        data = self._rest + data if self._rest else data
        while at + HEADER <= len(data):
            end = at + HEADER + int.from_bytes(data[at + 1 : at + HEADER], "big")
            if data[at] not in KINDS:  # and its length is none, for which one could wait
                self._ended.tell(NOT_UNDERSTOOD, f"a frame of kind {data[at]:#04x}")
                return
            if end > len(data):
                break
            self._take(now, data[at], data[at + HEADER : end])
            at = end
        self._rest = data[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        if self.taken.done():
            self._ended.lost()
        else:
            self._ended.tell(REFUSED, f"the line was closed at once; {FULL}, and its tickets")

    def beat(self, now: float) -> None:
        """Another 20 ms have passed."""
        assert self._transport is not None
        self._transport.write(HEAD + self._caller.frame(now))

    def hang_up(self) -> None:
        """The caller is done."""
        self._ended.expected = True
        if self._transport is not None:
            self._transport.close()

    def _take(self, now: float, kind: int, payload: bytes) -> None:
        if kind == SOUND:
            if not self.taken.done():
                self.taken.set_result(None)
                self._caller.answered(now)
            self._caller.ear.sound(now, payload)
        else:
            self._ended.tell(BROKE if self.taken.done() else REFUSED, "hung up")

    def _over(self, cause: str, detail: str) -> None:
        if self._transport is not None:
            self._transport.close()
        if self.taken.done():
            self._told(cause, detail)
        else:
            self.taken.set_exception(CallFailedError(cause, detail))


class AudioSocket:
    """Calls to `audiosocket://host:port`, whose UUIDs are no tickets."""

    form = pcm16(8_000)

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 9092

    async def call(self, caller: Speaker, over: Over) -> Connection:
        """Place a call; it is answered when this returns. Raises CallFailedError."""
        line = Connection(caller, over)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(SECONDS):
                await loop.create_connection(lambda: line, self._host, self._port)
                await line.taken
        except BaseException as error:
            line.hang_up()
            raise explain(error) if isinstance(error, OSError) else error from None
        return line

    async def close(self) -> None:
        """No more calls."""
