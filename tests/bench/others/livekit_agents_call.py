"""livekit-agents without its room server: its session between a Twilio socket and a Realtime model.

    python livekit_agents_call.py PORT MODEL_PORT

Callers reach this framework through a LiveKit server, whose work is not counted here: the session
takes its sound from an input and gives it to an output of our own, which are Twilio's socket.
Chosen in its favour: no voice detection here (the model's own ends the turns), no transcripts, no
recording, no log, aiohttp, which it brings along, on uvloop and without compression, one HTTP
client for all calls. All calls are in one process, where its makers run one process a call. Its
plugin speaks 24 kHz PCM only, so it resamples once each way.
"""

import asyncio
import audioop
import json
import logging
import sys
import time
from base64 import b64decode, b64encode
from typing import Any

import aiohttp
import uvloop
from aiohttp import web
from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice import io
from livekit.plugins.openai.realtime import RealtimeModel
from openai.types.realtime.realtime_audio_input_turn_detection import ServerVad

PORT, MODEL = int(sys.argv[1]), f"http://127.0.0.1:{sys.argv[2]}/v1"
RATE = 8_000


class Caller(io.AudioInput):
    """What the caller says."""

    def __init__(self) -> None:
        super().__init__(label="Twilio")
        self._frames: asyncio.Queue[bytes] = asyncio.Queue()

    def push(self, sound: bytes) -> None:
        """The next frame, in mu-law; an empty one is the last."""
        self._frames.put_nowait(sound)

    async def __anext__(self) -> rtc.AudioFrame:
        sound = await self._frames.get()
        if not sound:
            raise StopAsyncIteration
        return rtc.AudioFrame(audioop.ulaw2lin(sound, 2), RATE, 1, len(sound))


class Ear(io.AudioOutput):
    """What the caller hears; a mark behind each answer tells when it has been played."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        able = io.AudioOutputCapabilities(pause=False)
        super().__init__(label="Twilio", capabilities=able, sample_rate=RATE)
        self._socket = socket
        self.stream = ""
        self._given, self._began, self._cut = 0.0, 0.0, False
        self._marking: asyncio.Task[None] | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self._given:
            self._began = time.monotonic()
            self.on_playback_started(created_at=time.time())
        self._given += frame.duration
        payload = b64encode(audioop.lin2ulaw(frame.data, 2)).decode()
        await self._say({"event": "media", "media": {"payload": payload}})

    def flush(self) -> None:
        super().flush()
        if self._given:
            mark = self._say({"event": "mark", "mark": {"name": "played"}})
            self._marking = asyncio.create_task(mark)

    def clear_buffer(self) -> None:
        if self._given:
            self._cut = True
            self._marking = asyncio.create_task(self._say({"event": "clear"}))

    def played(self) -> None:
        """The mark has come back."""
        at = min(time.monotonic() - self._began, self._given) if self._cut else self._given
        cut, self._cut, self._given = self._cut, False, 0.0
        self.on_playback_finished(playback_position=at, interrupted=cut)

    def gone(self) -> None:
        """The caller has hung up: no mark comes any more."""
        if self._given:
            self._cut = True
            self.played()

    async def _say(self, message: dict[str, Any]) -> None:
        await self._socket.send_str(json.dumps({**message, "streamSid": self.stream}))


async def call(request: web.Request) -> web.WebSocketResponse:
    """One call, from its first message to its last."""
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    model = RealtimeModel(
        model="bench",
        base_url=MODEL,
        api_key="bench",
        modalities=["audio"],
        input_audio_transcription=None,
        turn_detection=ServerVad(type="server_vad"),
        http_session=request.app[HTTP],
    )
    session: AgentSession[None] = AgentSession(llm=model, vad=None, user_away_timeout=None)
    caller, ear = Caller(), Ear(socket)
    session.input.audio, session.output.audio = caller, ear
    await session.start(Agent(instructions="Be brief."), record=False)
    async for message in socket:
        if message.type != aiohttp.WSMsgType.TEXT:
            break
        told = json.loads(message.data)
        match told["event"]:
            case "media":
                caller.push(b64decode(told["media"]["payload"]))
            case "mark":
                ear.played()
            case "start":
                ear.stream = told["start"]["streamSid"]
            case "stop":
                break
    caller.push(b"")
    ear.gone()
    await session.aclose()
    return socket


HTTP = web.AppKey("HTTP", aiohttp.ClientSession)


async def main() -> None:
    app = web.Application()
    async with aiohttp.ClientSession() as http:
        app[HTTP] = http
        app.router.add_get("/twilio/media", call)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", PORT).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
