"""Upstream: a Realtime model that hears nothing and says its script, at the speed of C.

It stands where the model would, so that a load test measures the gateway and nothing else. It notes
when each piece of a caller's sound arrived and when each delta left. Speaks the generally available
Realtime API: commits and responses on order, or turns of its own by loudness where it is asked to.
"""

from __future__ import annotations

import asyncio
import time
from binascii import a2b_base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from audio.convert import decode
from audio.format import Format
from gateway.load.notes import Answered, Note, Place, SessionEnded, Turn
from gateway.load.script import ENCODINGS, Script, Sound, sound
from gateway.load.turns import Loudness

Json = dict[str, Any]
Tell = Callable[[Note], None]

HEAD = b'{"type":"input_audio_buffer.append","audio":"'
TAIL = b'"}'
PCM = Format("pcm16", 24_000)
LARGEST = 16 * 1024 * 1024


class _Append(msgspec.Struct):
    audio: bytes


_APPEND = msgspec.json.Decoder(_Append)
_ENCODE = msgspec.json.encode


class _Answer:
    """The answer that is being made."""

    def __init__(self, number: int, made: Sound, opening: list[bytes], ids: str) -> None:
        self.number, self.ids = number, ids
        self.deltas = [*opening, *made.body]
        self.sound = made
        self.places: list[Place] = []
        self.timer: asyncio.TimerHandle | None = None
        self.due = 0.0


class Session(WSListener):
    """One session of the model."""

    def __init__(self, number: int, script: Script, tell: Tell, live: set[Session]) -> None:
        self.number, self._script, self._tell, self._live = number, script, tell, live
        self._loop = asyncio.get_running_loop()
        self._heard, self._spoken = PCM, PCM
        self._turn: Turn | None = None
        self._samples = 0  # of the turn
        self._audio: list[bytes] = []
        self._turns = 0
        self._answers = 0
        self._answer: _Answer | None = None
        self._loudness: Loudness | None = None  # where the turns are ours to end
        self._events = count(1)
        self._socket: WSTransport

    # ------------------------------------------------------------ the socket

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._socket = transport
        self._live.add(self)
        self._say("session.created", session=self._session())

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        now = time.monotonic()
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
            return
        if frame.msg_type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            return
        message = frame.get_payload_as_bytes()
        if message.startswith(HEAD) and message.endswith(TAIL):
            self._append(now, a2b_base64(message[len(HEAD) : -len(TAIL)]))
        elif b'"input_audio_buffer.append"' in message[:400]:
            self._append(now, _APPEND.decode(message).audio)
        else:
            self._take(now, msgspec.json.decode(message))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._live.discard(self)
        self._stop()
        self._tell(SessionEnded(self.number, time.monotonic()))

    def leave(self) -> None:
        """Cut it off: a gateway that has frozen never closes it, nor reads what was sent."""
        self._socket.disconnect(graceful=False)

    # ------------------------------------------------------------ from the gateway

    def _append(self, now: float, audio: bytes) -> None:
        if self._turn is None:
            self._turn, self._samples = Turn(self.number, self._heard.rate, []), 0
        self._samples += self._heard.samples(audio)
        self._turn.places.append((now, self._samples))
        if self._turns % self._script.looked_at == 0:
            self._audio.append(audio)
        if self._loudness is None:
            return
        match self._loudness.push(decode(audio, self._heard.encoding), self._heard.rate):
            case "started":
                self._say("input_audio_buffer.speech_started", audio_start_ms=0, item_id="")
                self._stop("turn_detected")
            case "stopped":
                self._say("input_audio_buffer.speech_stopped", audio_end_ms=0, item_id="")
                self._commit(now)
                self._begin()

    def _take(self, now: float, event: Json) -> None:
        match event.get("type"):
            case "session.update":
                self._update(event["session"])
            case "input_audio_buffer.commit":
                self._commit(now)
            case "input_audio_buffer.clear":
                self._turn, self._audio = None, []
                self._say("input_audio_buffer.cleared")
            case "response.create":
                self._begin()
            case "response.cancel":
                self._stop("client_cancelled")
            case "conversation.item.truncate":
                said = {key: event[key] for key in ("item_id", "content_index", "audio_end_ms")}
                self._say("conversation.item.truncated", **said)
            case "conversation.item.delete":
                self._say("conversation.item.deleted", item_id=event.get("item_id"))
            case "conversation.item.create":
                item = {"id": f"item_{self.number}_c{next(self._events)}", **event["item"]}
                self._say("conversation.item.added", previous_item_id=None, item=item)
                self._say("conversation.item.done", previous_item_id=None, item=item)

    def _update(self, session: Json) -> None:
        audio = session.get("audio", {})
        heard, spoken = audio.get("input", {}), audio.get("output", {})
        self._heard = _format(heard.get("format"), self._heard)
        self._spoken = _format(spoken.get("format"), self._spoken)
        if "turn_detection" in heard:
            wanted = heard["turn_detection"]
            silence = (wanted or {}).get("silence_duration_ms", 500) / 1000
            self._loudness = Loudness(silence) if wanted else None
        self._say("session.updated", session=self._session() | session)

    def _commit(self, now: float) -> None:
        turn, self._turn = self._turn, None
        if turn is None:
            self._error("input_audio_buffer_commit_empty", "The buffer holds no audio.")
            return
        item = {
            "id": f"item_{self.number}_u{self._turns}",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        self._say("input_audio_buffer.committed", previous_item_id=None, item_id=item["id"])
        self._say("conversation.item.added", previous_item_id=None, item=item)
        self._say("conversation.item.done", previous_item_id=None, item=item)
        self._turns += 1
        turn.audio = decode(b"".join(self._audio), self._heard.encoding)
        turn.ended, self._audio = now, []
        self._tell(turn)

    # ------------------------------------------------------------ to the gateway

    def _begin(self) -> None:
        if self._answer is not None:
            code = "conversation_already_has_active_response"
            self._error(code, "Conversation already has an active response in progress.")
            return
        made = sound(self._spoken, self._script)
        number, self._answers = self._answers, self._answers + 1
        ids = f"{self.number}_{number}"
        answer = _Answer(number, made, made.opening(self.number, number), ids)
        self._answer = answer
        self._say("response.created", response=self._response(answer, "in_progress"))
        answer.due = self._loop.time() + self._script.think
        answer.timer = self._loop.call_at(answer.due, self._first)

    def _first(self) -> None:
        answer = self._answer
        assert answer is not None
        item = self._item(answer, "in_progress")
        where = {"response_id": f"resp_{answer.ids}", "output_index": 0}
        self._say("response.output_item.added", **where, item=item)
        self._say("conversation.item.added", previous_item_id=None, item=item)
        part = {"type": "audio", "transcript": ""}
        place = {**where, "item_id": item["id"], "content_index": 0}
        self._say("response.content_part.added", **place, part=part)
        self._say("response.output_audio_transcript.delta", **place, delta="Aaah.")
        self._next()

    def _next(self) -> None:
        """The deltas that are due."""
        answer, script = self._answer, self._script
        assert answer is not None
        step = script.delta / script.speed if script.speed else 0.0
        while (done := len(answer.places)) < len(answer.deltas):
            if answer.due > self._loop.time():
                answer.timer = self._loop.call_at(answer.due, self._next)
                return
            message = (
                b'{"type":"response.output_audio.delta","event_id":"event_%d","response_id":"resp_'
                b'%b","item_id":"item_%b","output_index":0,"content_index":0,"delta":"%b"}'
            ) % (next(self._events), answer.ids.encode(), answer.ids.encode(), answer.deltas[done])
            answer.places.append((time.monotonic(), (done + 1) * answer.sound.samples))
            self._socket.send(WSMsgType.TEXT, message)
            answer.due += step
        self._end("completed")

    def _stop(self, reason: str = "") -> None:
        """Say no more of the answer; without a reason because the socket is gone."""
        answer = self._answer
        if answer is None:
            if reason == "client_cancelled":
                self._error("response_cancel_not_active", "No active response found.")
            return
        if answer.timer is not None:
            answer.timer.cancel()
        self._end("cancelled", reason, silent=not reason)

    def _end(self, status: str, reason: str = "", *, silent: bool = False) -> None:
        answer, self._answer = self._answer, None
        assert answer is not None
        whole = status == "completed"
        rate = answer.sound.form.rate
        self._tell(Answered(self.number, answer.number, rate, answer.places, whole))
        if silent:
            return
        item = self._item(answer, "completed" if whole else "incomplete")
        where = {"response_id": f"resp_{answer.ids}", "output_index": 0}
        if answer.places:
            place = {**where, "item_id": item["id"], "content_index": 0}
            self._say("response.output_audio.done", **place)
            self._say("response.output_audio_transcript.done", **place, transcript="Aaah.")
            self._say("response.content_part.done", **place, part={"type": "audio"})
            self._say("conversation.item.done", previous_item_id=None, item=item)
            self._say("response.output_item.done", **where, item=item)
        response = self._response(answer, status)
        if reason:
            response["status_details"] = {"type": "cancelled", "reason": reason}
        self._say("response.done", response=response)

    def _say(self, kind: str, **fields: Any) -> None:
        event = {"type": kind, "event_id": f"event_{next(self._events)}", **fields}
        self._socket.send(WSMsgType.TEXT, _ENCODE(event))

    def _error(self, code: str, message: str) -> None:
        said = {"type": "invalid_request_error", "code": code, "message": message}
        self._say("error", error={**said, "param": None, "event_id": None})

    def _session(self) -> Json:
        named = {"type": "realtime", "object": "realtime.session", "id": f"sess_{self.number}"}
        return {**named, "model": "scripted", "output_modalities": ["audio"]}

    def _item(self, answer: _Answer, status: str) -> Json:
        named = {"id": f"item_{answer.ids}", "type": "message", "role": "assistant"}
        return {**named, "status": status, "content": []}

    def _response(self, answer: _Answer, status: str) -> Json:
        body: Json = {"object": "realtime.response", "id": f"resp_{answer.ids}", "status": status}
        ended = status != "in_progress"
        tokens = len(answer.places) if ended else 0
        usage = {"total_tokens": tokens, "input_tokens": 0, "output_tokens": tokens}
        more: Json = {"status_details": None, "output": [], "output_modalities": ["audio"]}
        return {**body, **more, "conversation_id": "conv", "usage": usage if ended else None}


def _format(named: Json | None, now: Format) -> Format:
    if not named:
        return now
    encoding = ENCODINGS[named["type"]]
    return Format(encoding, named.get("rate", 24_000) if encoding == "pcm16" else 8_000)


@asynccontextmanager
async def serve(
    script: Script,
    tell: Tell,
    host: str = "127.0.0.1",
    port: int = 0,
    begun: Callable[[], None] = lambda: None,
) -> AsyncIterator[str]:
    """The model at its http address, which ends in `/v1`; every session's notes go to `tell`."""
    numbers = count(1)
    live: set[Session] = set()

    def session(request: WSUpgradeRequest) -> Session:
        begun()
        return Session(next(numbers), script, tell, live)

    server = await ws_create_server(session, host, port, max_frame_size=LARGEST)
    async with server:
        name, bound = server.sockets[0].getsockname()[:2]
        try:
            yield f"http://[{name}]:{bound}/v1" if ":" in name else f"http://{name}:{bound}/v1"
        finally:
            for one in tuple(live):
                one.leave()
