"""The model's side of the bench: a scripted server at the speed of C that answers without thought.

Two seconds of speech in ten deltas of 200 ms, 40 ms apart, as the Realtime API sends them: where
the far end asks for an answer, or, for a far end that knows no protocol, after every four seconds
of messages.

    python -m tests.bench.wire.upstream PORT REPORT
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from array import array
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import picows
import uvloop

from tests.bench.wire.script import BITS, CYCLE, FRAME, MAGIC, coded, numbers, speech

APPEND = b'{"type":"input_audio_buffer.append","audio":"'
CODED = -(-BITS // 3) * 4  # characters of base64 in which the numbers stand
DELTAS, DELTA_FRAMES, APART = 10, 10, 0.04
SPEECH = speech(DELTAS * DELTA_FRAMES)


class Log:
    """What was seen, in flat arrays; times by the clock that all processes share."""

    def __init__(self) -> None:
        self.heard = array("d")  # call, frame, when
        self.spoke = array("d")  # answer, when
        self.answers = 0

    def write(self, path: Path) -> None:
        path.write_text(json.dumps({"heard": list(self.heard), "spoke": list(self.spoke)}))


class Model(picows.WSListener):
    """One session."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._messages = 0
        self._items = 0

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport
        session = {"id": "sess_bench", "object": "realtime.session", "model": "bench"}
        self._say({"type": "session.created", "session": session})

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        now = time.monotonic()
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(picows.WSCloseCode.OK)
            transport.disconnect()
            return
        if frame.msg_type not in (picows.WSMsgType.TEXT, picows.WSMsgType.BINARY):
            return
        message = frame.get_payload_as_bytes()
        if message.startswith(APPEND):
            head = b64decode(message[len(APPEND) : len(APPEND) + CODED])
            self._log.heard.extend((*numbers(head), now))
        elif b'"event":"media"' in message:  # of a caller whom nobody translates
            self._messages += 1
            if self._messages % CYCLE == SPOKEN_THEN:
                self._answer()
        elif b"response.create" in message:
            self._answer()
        elif b"input_audio_buffer.commit" in message:
            self._items += 1
            self._say({"type": "input_audio_buffer.committed", "item_id": f"user{self._items}"})
        elif b"session.update" in message:
            self._say({"type": "session.updated", "session": {"id": "sess_bench"}})

    def _answer(self) -> None:
        self._log.answers += 1
        number = self._log.answers
        names = {"response_id": f"resp_{number}", "item_id": f"item_{number}"}
        response = {"id": names["response_id"], "object": "realtime.response"}
        part = {"type": "output_audio", "transcript": ""}
        place = names | {"output_index": 0, "content_index": 0}
        item = {"id": names["item_id"], "type": "message", "role": "assistant"}
        self._say({"type": "response.created", "response": response | {"status": "in_progress"}})
        self._say({"type": "response.output_item.added", "item": item, **place})
        self._say({"type": "response.content_part.added", "part": part, **place})
        for delta in range(DELTAS):
            self._loop.call_later(APART * delta, self._delta, number, delta, place)
        self._loop.call_later(APART * DELTAS, self._end, response, item, place)

    def _delta(self, number: int, delta: int, place: dict[str, Any]) -> None:
        size = DELTA_FRAMES * FRAME
        sound = SPEECH[delta * size : (delta + 1) * size]
        if not delta:
            sound = coded(sound, MAGIC, number & 0xFFFF)
        audio = b64encode(sound).decode()
        words = {"type": "response.output_audio_transcript.delta", "delta": " word"}
        self._say({**words, **place})
        now = time.monotonic()
        self._say({"type": "response.output_audio.delta", **place, "delta": audio})
        if not delta:
            self._log.spoke.extend((number & 0xFFFF, now))

    def _end(self, response: dict[str, Any], item: dict[str, Any], place: dict[str, Any]) -> None:
        self._say({"type": "response.output_audio.done", **place})
        self._say({"type": "response.output_item.done", "item": item, **place})
        usage = {"input_tokens": 20, "output_tokens": 40, "total_tokens": 60}
        ended = response | {"status": "completed", "output": [item], "usage": usage}
        self._say({"type": "response.done", "response": ended})

    def _say(self, event: dict[str, Any]) -> None:
        text = json.dumps({"event_id": "event_bench", **event}, separators=(",", ":"))
        self._transport.send(picows.WSMsgType.TEXT, text.encode())


SPOKEN_THEN = 78  # messages of a cycle after which an untranslated caller is answered


async def main() -> None:
    log, port, report = Log(), int(sys.argv[1]), Path(sys.argv[2])
    server = await picows.ws_create_server(lambda request: Model(log), "127.0.0.1", port)
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    loop.add_signal_handler(signal.SIGUSR1, lambda: log.__init__())  # type: ignore[misc]
    print("ready", flush=True)
    await told.wait()
    log.write(report)
    server.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
