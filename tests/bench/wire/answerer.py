"""The far end of a telephone call whose bytes the floor carries as they are: no model knows them.

It speaks for half the time, in the same pieces as a gateway would, and notes what it heard and
when, as the model does: so the delays of the floor are known too.

    python -m tests.bench.wire.answerer twilio|audiosocket PORT REPORT
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from base64 import b64decode, b64encode
from functools import partial
from pathlib import Path
from typing import cast

import picows
import uvloop

from audio.format import Format, pcm16
from tests.bench.wire.script import (
    BITS,
    CYCLE,
    FRAME,
    MAGIC,
    SPOKEN,
    ULAW,
    coded,
    frame,
    numbers,
    speech,
)
from tests.bench.wire.upstream import CODED, Log

PCM = pcm16(8_000)
ANSWER, GRAIN, APART = 100, 10, 0.04  # frames, frames of a piece, seconds
BEGINS = SPOKEN + 18  # the frame of a cycle with which an answer begins
PAYLOAD = b'"payload":"'


def heard(log: Log, head: bytes, form: Format) -> None:
    """A frame that begins so has come."""
    log.heard.extend((*numbers(head, form), time.monotonic()))


def begun(log: Log, sound: bytes, form: Format) -> bytes:
    """The first sound of an answer, with its number in it."""
    log.answers += 1
    log.spoke.extend((log.answers & 0xFFFF, time.monotonic()))
    return coded(sound, MAGIC, log.answers & 0xFFFF, form)


class Stream(picows.WSListener):
    """One call of Twilio's: pieces of 200 ms, each with a mark."""

    words = speech(ANSWER)

    def __init__(self, log: Log) -> None:
        self._log = log

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport
        self._frames = 0

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.disconnect()
        elif (at := (message := frame.get_payload_as_bytes()).find(PAYLOAD)) > 0:
            at += len(PAYLOAD)
            heard(self._log, b64decode(message[at : at + CODED["audio/pcmu"]]), ULAW)
            self._frames += 1
            if self._frames % CYCLE == BEGINS:
                loop = asyncio.get_running_loop()
                for piece in range(ANSWER // GRAIN):
                    loop.call_later(piece * APART, self._say, piece)

    def _say(self, piece: int) -> None:
        if not self._transport.is_disconnected:
            size = GRAIN * FRAME
            words = self.words[piece * size : (piece + 1) * size]
            sound = b64encode(words if piece else begun(self._log, words, ULAW)).decode()
            media = f'{{"event":"media","streamSid":"MZ1","media":{{"payload":"{sound}"}}}}'
            mark = f'{{"event":"mark","streamSid":"MZ1","mark":{{"name":"{piece}"}}}}'
            for text in (media, mark):
                self._transport.send(picows.WSMsgType.TEXT, text.encode())


class Line(asyncio.Protocol):
    """One call of AudioSocket's: a frame for each that comes."""

    words = speech(ANSWER, PCM)

    def __init__(self, log: Log) -> None:
        self._log = log

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by name
        self._rest = b""
        self._frames = 0

    def data_received(self, data: bytes) -> None:
        data, at = self._rest + data, 0
        while at + HEADER <= len(data):
            end = at + HEADER + int.from_bytes(data[at + 1 : at + HEADER], "big")
            if end > len(data):
                break
            if data[at] == SOUND:
                heard(self._log, data[at + HEADER : at + HEADER + BITS * PCM.width], PCM)
                self._transport.write(HEAD + self._next())
            at = end
        self._rest = data[at:]

    def _next(self) -> bytes:
        at = self._frames % CYCLE - BEGINS
        self._frames += 1
        words = self.words[at * SIZE : (at + 1) * SIZE] if 0 <= at < ANSWER else bytes(SIZE)
        return words if at else begun(self._log, words, PCM)


HEADER, SOUND, SIZE = 3, 0x10, frame(PCM)
HEAD = bytes((SOUND,)) + SIZE.to_bytes(2, "big")


async def main() -> None:
    way, port, report = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    log, told, loop = Log(), asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    if way == "twilio":
        server = await picows.ws_create_server(lambda request: Stream(log), "127.0.0.1", port)
    else:
        server = await loop.create_server(partial(Line, log), "127.0.0.1", port)
    print("ready", flush=True)
    await told.wait()
    log.write(report)
    server.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
