"""What a browser's call costs the gateway's process, and what delay it adds each way.

The gateway runs in a process of its own, between callers that speak recorded speech and a model
server that answers each turn with a tone; both are in this process, so that their cost is not in
the figures.
"""

from __future__ import annotations

import asyncio
import base64
import json
import statistics
import struct
import time
from typing import Any

import websockets

from audio import wav
from audio.floats import rms_dbfs
from audio.pcm import silence
from audio.tone import sine
from gateway.files import samples_dir
from tests.bench.line import FRAME, Line, call, cpu_seconds, gateway, percentile

CALLS = 10
SECONDS = 20.0
SETTLED = 25  # frames into an utterance: the gate is open, and nothing waits for it
TONE = base64.b64encode(sine(440, 0.1, 24_000)).decode()


class Model:
    """A model's server of the least kind: answers each commit with two seconds of tone."""

    def __init__(self) -> None:
        self.arrived: dict[int, float] = {}  # by mark of the frame, when
        self.answered: list[float] = []

    async def serve(self, socket: Any) -> None:
        session = {"type": "realtime", "object": "realtime.session", "id": "sess_1", "model": "m"}
        await self.send(socket, "session.created", session=session)
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "input_audio_buffer.append":
                self.note(base64.b64decode(message["audio"]))
            elif message["type"] == "response.create":
                await self.answer(socket)

    def note(self, pcm: bytes) -> None:
        now = time.perf_counter()
        for at in range(0, len(pcm) - FRAME + 1, FRAME):
            (mark,) = struct.unpack_from("<h", pcm, at)
            self.arrived.setdefault(mark, now)

    async def answer(self, socket: Any) -> None:
        made = f"{len(self.answered)}"
        ids = {"response_id": f"resp_{made}", "item_id": f"item_{made}", "output_index": 0}
        response = {"object": "realtime.response", "id": ids["response_id"], "output": []}
        await self.send(socket, "response.created", response=response | {"status": "in_progress"})
        self.answered.append(time.perf_counter())
        for _ in range(20):
            await self.send(
                socket, "response.output_audio.delta", **ids, content_index=0, delta=TONE
            )
        await self.send(socket, "response.output_audio.done", **ids, content_index=0)
        await self.send(socket, "response.done", response=response | {"status": "completed"})

    async def send(self, socket: Any, kind: str, **fields: Any) -> None:
        await socket.send(json.dumps({"type": kind, "event_id": "event_1", **fields}))


def utterance() -> bytes:
    """Five seconds of a caller who speaks and then listens."""
    spoken = wav.read(samples_dir() / "audio" / "human" / "goforward.wav", rate=24_000)
    return spoken + silence(5 * 24_000 - len(spoken) // 2)


async def talk(line: Line, seconds: float) -> None:
    """Speak and listen in turn until the time is over."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        await line.speak(utterance())


async def cost(address: str, process: Any, calls: int) -> float:
    """Percent of a core for one call."""
    before, began = cpu_seconds(process), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(calls):

            async def one(wait: float = number * 0.5) -> None:
                await asyncio.sleep(wait)
                async with call(address) as line:
                    await talk(line, SECONDS)

            group.create_task(one())
    used, took = cpu_seconds(process) - before, time.perf_counter() - began
    idle = took - SECONDS - 0.25 * (calls - 1)
    return 100 * used / (took - idle) / calls


async def delays(address: str, model: Model, turns: int) -> tuple[list[float], list[float]]:
    """Seconds from caller to model, and from model to caller."""
    inward: list[float] = []
    outward: list[float] = []
    spoken = wav.read(samples_dir() / "audio" / "human" / "goforward.wav", rate=24_000)
    # Silence within speech is held back on purpose until it is known that the speech goes on.
    loud = [rms_dbfs(spoken[at : at + FRAME]) > -40 for at in range(0, len(spoken), FRAME)]
    async with call(address) as line:
        for _ in range(turns):
            model.arrived.clear()
            answered, heard = len(model.answered), len(line.heard)
            sent: list[float] = []
            await line.speak(_marked(spoken), sent)
            await line.speak(silence(4 * 24_000))
            inward += [
                model.arrived[mark] - at
                for mark, at in enumerate(sent, start=1)
                if mark > SETTLED and mark in model.arrived and loud[mark - 1]
            ]
            if len(model.answered) > answered and len(line.heard) > heard:
                outward.append(line.heard[heard][0] - model.answered[answered])
    return inward, outward


def _marked(pcm: bytes) -> bytes:
    """The first sample of each frame is its number, so that it is known when it arrives."""
    frames = (pcm[at : at + FRAME] for at in range(0, len(pcm) - FRAME + 1, FRAME))
    return b"".join(
        struct.pack("<h", number) + frame[2:] for number, frame in enumerate(frames, start=1)
    )


async def main() -> None:
    model = Model()
    async with websockets.serve(model.serve, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        for name, second in (("webrtcvad alone", "false"), ("webrtcvad and Silero", "true")):
            variables = {
                "TRUNKLINE_ASSISTANT__KIND": "compatible",
                "TRUNKLINE_ASSISTANT__BASE_URL": f"http://127.0.0.1:{port}/v1",
                "TRUNKLINE_ASSISTANT__MODEL": "m",
                "TRUNKLINE_TURNS__SECOND_OPINION": second,
            }
            with gateway(**variables) as (address, process):
                percent = await cost(address, process, CALLS)
                print(f"{name:21} {percent:5.2f} % of a core a browser call, {CALLS} at once")
                inward, outward = await delays(address, model, 6)
        print(f"added delay, caller to model  {_delays(inward)}")
        print(f"added delay, model to caller  {_delays(outward)}")


def _delays(seconds: list[float]) -> str:
    return (
        f"p50 {1000 * statistics.median(seconds):5.2f} ms, "
        f"p99 {1000 * percentile(seconds, 0.99):5.2f} ms ({len(seconds)} measured)"
    )


if __name__ == "__main__":
    asyncio.run(main())
