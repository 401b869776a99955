"""Scripted telephones: many calls of Twilio's Media Streams from one process, at the speed of C.

    python -m tests.bench.wire.callers URL CALLS SECONDS INTERRUPTING TOKEN REPORT

Prints "talking" once all calls are under way, and writes what it saw into the report. A mark comes
back when what stands before it has been played, as it does from a carrier.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from array import array
from base64 import b64decode, b64encode
from collections import deque
from itertools import count
from pathlib import Path

import msgspec
import picows
import uvloop

from gateway.callers.twiml_signature import signature
from tests.bench.wire.script import CYCLE, MAGIC, RATE, coded, numbers, said

CODED = 44  # characters of base64 in which the numbers stand
PAYLOAD = b'"payload":"'


class Log:
    """What all calls saw."""

    def __init__(self) -> None:
        self.spoke = array("d")  # call, frame, when
        self.heard = array("d")  # answer, when
        self.cleared = array("d")  # call, when
        self.media = 0
        self.lost = 0


class Telephone(picows.WSListener):
    """One call."""

    def __init__(self, number: int, frames: list[bytes], log: Log) -> None:
        self.number = number
        self._frames = frames
        self._log = log
        self._next = 0
        self._played_until = 0.0
        self._marks: deque[tuple[str, asyncio.TimerHandle]] = deque()
        self._sid = f"MZ{number:032d}"
        self.over = False

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport
        form = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        start = {"streamSid": self._sid, "callSid": f"CA{self.number:032d}", "mediaFormat": form}
        start |= {"accountSid": "AC0", "tracks": ["inbound"], "customParameters": {}}
        self._say({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        self._say({"event": "start", "start": start, "streamSid": self._sid})

    def speak(self) -> None:
        """The next 20 ms."""
        if self.over or self._next >= len(self._frames):
            return
        number, self._next = self._next, self._next + 1
        sound = b64encode(coded(self._frames[number], self.number, number)).decode()
        text = (
            f'{{"event":"media","sequenceNumber":"{number + 2}","media":{{"track":"inbound",'
            f'"chunk":"{number + 1}","timestamp":"{number * 20}","payload":"{sound}"}},'
            f'"streamSid":"{self._sid}"}}'
        )
        self._log.spoke.extend((self.number, number, time.monotonic()))
        self._transport.send(picows.WSMsgType.TEXT, text.encode())

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        now = time.monotonic()
        if frame.msg_type == picows.WSMsgType.CLOSE:
            self._end()
            transport.disconnect()
            return
        if frame.msg_type != picows.WSMsgType.TEXT:
            return
        message = frame.get_payload_as_bytes()
        if message.startswith(b'{"event":"media"'):
            self._hear(message, now)
        elif message.startswith(b'{"event":"mark"'):
            name = msgspec.json.decode(message)["mark"]["name"]
            loop = asyncio.get_running_loop()
            wait = max(0.0, self._played_until - now)
            self._marks.append((name, loop.call_later(wait, self._echo)))
        elif message.startswith(b'{"event":"clear"'):
            self._log.cleared.extend((self.number, now))
            self._played_until = now
            while self._marks:
                self._marks[0][1].cancel()
                self._echo()

    def _hear(self, message: bytes, now: float) -> None:
        self._log.media += 1
        at = message.index(PAYLOAD) + len(PAYLOAD)
        end = message.index(b'"', at)
        whose, number = numbers(b64decode(message[at : at + CODED]))
        if whose == MAGIC:
            self._log.heard.extend((number, now))
        seconds = (end - at) * 3 // 4 / RATE
        self._played_until = max(now, self._played_until) + seconds

    def _echo(self) -> None:
        name, _ = self._marks.popleft()
        self._say({"event": "mark", "mark": {"name": name}, "streamSid": self._sid})

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self._end()

    def _end(self) -> None:
        self._log.lost += not self.over
        self.over = True

    def hang_up(self) -> None:
        """As a carrier does."""
        if not self.over:
            self.over = True
            self._say({"event": "stop", "streamSid": self._sid})

    def _say(self, message: object) -> None:
        if not self._transport.is_disconnected:
            self._transport.send(picows.WSMsgType.TEXT, msgspec.json.encode(message))


async def main() -> None:
    url, calls, seconds, interrupting = sys.argv[1], *map(int, sys.argv[2:5])
    token, report = sys.argv[5], Path(sys.argv[6])
    log, phones = Log(), []
    frames = said(seconds * 50 // CYCLE + 2, interrupting)
    loop = asyncio.get_running_loop()
    for number in range(1, calls + 1):
        signed = signature(token, "sha1", url.replace("ws://", "wss://"), [])
        headers = {"X-Twilio-Signature": signed}
        phone = Telephone(number, frames, log)
        await picows.ws_connect(lambda phone=phone: phone, url, extra_headers=headers)
        phones.append(phone)
    print("talking", flush=True)
    # Neighbours begin in different places of the cycle, so that not all speak at once.
    began = loop.time()
    ends = began + seconds
    for tick in count():
        for place, phone in enumerate(phones):
            due = began + (tick + place / calls) * 0.02
            if (wait := due - loop.time()) > 0.0005:
                await asyncio.sleep(wait)
            if tick >= place * 7 % CYCLE:
                phone.speak()
        if loop.time() >= ends:
            break
    for phone in phones:
        phone.hang_up()
    seen = {name: list(getattr(log, name)) for name in ("spoke", "heard", "cleared")}
    report.write_text(json.dumps(seen | {"media": log.media, "lost": log.lost}))
    await asyncio.sleep(0.5)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
