"""The model's side of the bench: a scripted server at the speed of C that answers without thought.

Two seconds of speech in ten deltas of 200 ms, 40 ms apart, with the events that the Realtime API
sends around them: where the far end asks for an answer, and where it leaves the turns to the model,
as is the API's default, after every turn of the script, known by how much sound came. In mu-law or
in 24 kHz PCM.

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

import msgspec
import picows
import uvloop

from audio.format import pcm16
from tests.bench.wire.script import BITS, CYCLE, MAGIC, ULAW, coded, frame, numbers, speech

APPEND = b'{"type":"input_audio_buffer.append","audio":"'
DELTAS, DELTA_FRAMES, APART = 10, 10, 0.04
FORMS = {"audio/pcmu": ULAW, "audio/pcm": pcm16(24_000)}
SPEECH = {name: speech(DELTAS * DELTA_FRAMES, form) for name, form in FORMS.items()}
# Characters of base64 in which the numbers stand.
CODED = {name: -(-BITS * form.width // 3) * 4 for name, form in FORMS.items()}
NOTICED = 5  # frames of a cycle after which speech is told of
SPOKEN_THEN = 78  # frames of a cycle after which a turn that is the model's to end is over


class Log:
    """What was seen, in flat arrays; times by the clock that all processes share."""

    def __init__(self) -> None:
        self.heard = array("d")  # call, frame, when
        self.spoke = array("d")  # answer, when
        self.answers = 0

    def write(self, path: Path) -> None:
        path.write_text(json.dumps({"heard": list(self.heard), "spoke": list(self.spoke)}))


class _Append(msgspec.Struct):
    audio: str


class _Event(msgspec.Struct):
    type: str = ""
    session: dict[str, Any] = {}


_APPENDED = msgspec.json.Decoder(_Append)
_EVENT = msgspec.json.Decoder(_Event)


class Model(picows.WSListener):
    """One session."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._items = 0
        self._session: dict[str, Any] = {"type": "realtime", "object": "realtime.session"}
        self._session |= {"id": "sess_bench", "model": "bench", "output_modalities": ["audio"]}
        self._takes_turns = True  # ends them itself, as the API does until told otherwise
        self._heard = 0  # bytes
        self._form, self._spoken = "audio/pcm", "audio/pcm"

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport
        self._say({"type": "session.created", "session": self._session})

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
            head = b64decode(message[len(APPEND) : len(APPEND) + CODED[self._form]])
            self._log.heard.extend((*numbers(head, FORMS[self._form]), now))
            if self._takes_turns:
                self._hear(_APPENDED.decode(message).audio)
        elif b'"input_audio_buffer.append"' in message:
            if self._takes_turns:
                self._hear(_APPENDED.decode(message).audio)
        else:
            self._take(_EVENT.decode(message))

    def _take(self, event: _Event) -> None:
        match event.type:
            case "response.create":
                self._answer()
            case "input_audio_buffer.commit":
                self._commit()
            case "session.update":
                self._session |= event.session
                audio = event.session.get("audio", {})
                heard, spoken = audio.get("input", {}), audio.get("output", {})
                if "turn_detection" in heard:
                    self._takes_turns = heard["turn_detection"] is not None
                self._form = (heard.get("format") or {"type": self._form})["type"]
                self._spoken = (spoken.get("format") or {"type": self._spoken})["type"]
                self._say({"type": "session.updated", "session": self._session})

    def _hear(self, audio: str) -> None:
        """Ends the turns; a turn of the script is known by its place in the sound."""
        each, before = frame(FORMS[self._form]), self._heard
        self._heard += len(audio) * 3 // 4 - audio.count("=", -2)

        def passed(at: int) -> bool:
            return (before // each - at) // CYCLE != (self._heard // each - at) // CYCLE

        at = self._heard // each * 20
        names = {"item_id": f"user{self._items + 1}"}
        if passed(NOTICED):
            begun = {"type": "input_audio_buffer.speech_started", "audio_start_ms": at}
            self._say({**begun, **names})
        if passed(SPOKEN_THEN):
            self._say({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": at, **names})
            self._commit()
            self._answer()

    def _commit(self) -> None:
        before = f"user{self._items}" if self._items else None
        self._items += 1
        content = [{"type": "input_audio", "transcript": None}]
        item = {"id": f"user{self._items}", "type": "message", "status": "completed"}
        item |= {"role": "user", "content": content}
        after = {"previous_item_id": before}
        self._say({"type": "input_audio_buffer.committed", "item_id": item["id"], **after})
        self._say({"type": "conversation.item.added", "item": item, **after})
        self._say({"type": "conversation.item.done", "item": item, **after})

    def _answer(self) -> None:
        self._log.answers += 1
        number = self._log.answers
        names = {"response_id": f"resp_{number}", "item_id": f"item_{number}"}
        response = {"id": names["response_id"], "object": "realtime.response"}
        response |= {"output_modalities": ["audio"], "conversation_id": "conv_bench"}
        part = {"type": "audio", "transcript": ""}
        place = names | {"output_index": 0, "content_index": 0}
        item = {"id": names["item_id"], "type": "message", "role": "assistant"}
        begun = item | {"status": "in_progress", "content": []}
        within = {"response_id": names["response_id"], "output_index": 0}
        running = response | {"status": "in_progress", "output": []}
        self._say({"type": "response.created", "response": running})
        self._say({"type": "response.output_item.added", "item": begun, **within})
        self._say({"type": "conversation.item.added", "item": begun, **self._last()})
        self._say({"type": "response.content_part.added", "part": part, **place})
        for delta in range(DELTAS):
            self._loop.call_later(APART * delta, self._delta, number, delta, place)
        self._loop.call_later(APART * DELTAS, self._end, response, item, place)

    def _delta(self, number: int, delta: int, place: dict[str, Any]) -> None:
        form = FORMS[self._spoken]
        size = DELTA_FRAMES * frame(form)
        sound = SPEECH[self._spoken][delta * size : (delta + 1) * size]
        if not delta:
            sound = coded(sound, MAGIC, number & 0xFFFF, form)
        audio = b64encode(sound).decode()
        words = {"type": "response.output_audio_transcript.delta", "delta": " word"}
        self._say({**words, **place})
        now = time.monotonic()
        self._say({"type": "response.output_audio.delta", **place, "delta": audio})
        if not delta:
            self._log.spoke.extend((number & 0xFFFF, now))

    def _end(self, response: dict[str, Any], item: dict[str, Any], place: dict[str, Any]) -> None:
        words = " word" * DELTAS
        part = {"type": "audio", "transcript": words}
        content = [{"type": "output_audio", "transcript": words}]
        item = item | {"status": "completed", "content": content}
        within = {"response_id": place["response_id"], "output_index": 0}
        self._say({"type": "response.output_audio.done", **place})
        self._say({"type": "response.output_audio_transcript.done", "transcript": words, **place})
        self._say({"type": "response.content_part.done", "part": part, **place})
        self._say({"type": "conversation.item.done", "item": item, **self._last()})
        self._say({"type": "response.output_item.done", "item": item, **within})
        usage = {"input_tokens": 20, "output_tokens": 40, "total_tokens": 60}
        ended = response | {"status": "completed", "output": [item], "usage": usage}
        self._say({"type": "response.done", "response": ended})

    def _last(self) -> dict[str, Any]:
        return {"previous_item_id": f"user{self._items}" if self._items else None}

    def _say(self, event: dict[str, Any]) -> None:
        text = json.dumps({"event_id": "event_bench", **event}, separators=(",", ":"))
        self._transport.send(picows.WSMsgType.TEXT, text.encode())


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
