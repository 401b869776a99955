"""openai-agents between Twilio's Media Streams and a Realtime model, after its Twilio example.

    python openai_agents_call.py PORT MODEL_PORT

Chosen in its favour: mu-law untouched both ways, the caller's frames gathered to 60 ms before they
are sent on, as its example does, one mark for a piece of the answer, turns ended by the model, no
tools, no tracing, no log, no timer that looks after half-full buffers, uvicorn on uvloop with the
cheaper of its WebSocket protocols and without compression.
"""

import asyncio
import base64
import json
import logging
import sys
from typing import Any

import uvicorn
from agents.realtime import (
    RealtimeAgent,
    RealtimePlaybackTracker,
    RealtimeRunner,
    RealtimeSession,
    RealtimeSessionEvent,
)
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

PORT, MODEL = int(sys.argv[1]), f"ws://127.0.0.1:{sys.argv[2]}/v1/realtime?model=bench"
GATHERED = 400  # bytes after which the caller's sound is sent on: 50 ms

app = FastAPI()
agent = RealtimeAgent(name="Bench", instructions="Be brief.")


class Call:
    """One call: two sockets and what was marked between them."""

    def __init__(self, socket: WebSocket, played: RealtimePlaybackTracker) -> None:
        self._socket, self._played = socket, played
        self._stream = ""
        self._marks: dict[str, tuple[str, int, bytes]] = {}
        self._count = 0
        self._gathered = bytearray()

    async def speak(self, session: RealtimeSession) -> None:
        """The model's side, until it ends."""
        async for event in session:
            await self._event(event)

    async def _event(self, event: RealtimeSessionEvent) -> None:
        if event.type == "audio":
            sound = event.audio.data
            payload = base64.b64encode(sound).decode()
            await self._say({"event": "media", "media": {"payload": payload}})
            self._count += 1
            name = str(self._count)
            self._marks[name] = (event.audio.item_id, event.audio.content_index, sound)
            await self._say({"event": "mark", "mark": {"name": name}})
        elif event.type == "audio_interrupted":
            await self._say({"event": "clear"})

    async def _say(self, message: dict[str, Any]) -> None:
        await self._socket.send_text(json.dumps({**message, "streamSid": self._stream}))

    async def hear(self, session: RealtimeSession) -> None:
        """The caller's side, until it ends."""
        while True:
            message = json.loads(await self._socket.receive_text())
            match message["event"]:
                case "media":
                    self._gathered += base64.b64decode(message["media"]["payload"])
                    if len(self._gathered) >= GATHERED:
                        await session.send_audio(bytes(self._gathered))
                        self._gathered.clear()
                case "mark":
                    if message["mark"]["name"] in self._marks:
                        self._played.on_play_bytes(*self._marks.pop(message["mark"]["name"]))
                case "start":
                    self._stream = message["start"]["streamSid"]
                case "stop":
                    return


@app.websocket("/twilio/media")
async def call(websocket: WebSocket) -> None:
    """One call, from its first message to its last."""
    await websocket.accept()
    played = RealtimePlaybackTracker()
    session = await RealtimeRunner(agent, config={"tracing_disabled": True}).run(
        model_config={
            "api_key": "bench",
            "url": MODEL,
            "initial_model_settings": {
                "model_name": "bench",
                "input_audio_format": "g711_ulaw",
                "output_audio_format": "g711_ulaw",
                "turn_detection": {
                    "type": "server_vad",
                    "interrupt_response": True,
                    "create_response": True,
                },
            },
            "playback_tracker": played,
        }
    )
    async with session:
        one = Call(websocket, played)
        speaking = asyncio.create_task(one.speak(session))
        try:
            await one.hear(session)
        except WebSocketDisconnect:
            pass
        finally:
            speaking.cancel()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=PORT,
        loop="uvloop",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        log_level="error",
    )
