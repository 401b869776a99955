"""What a call over WebRTC costs, against aiortc's own senders and receivers doing the same.

Each side runs in a process of its own and answers the same callers, who speak recorded speech with
pauses and listen; where the answer asks for it they send no packets in their pauses, as browsers
do. Both decode, bring the sound to 24 kHz, ask the voice detector, and speak in turn with their
callers. `--profile` prints where the time of ours goes.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import httpx2
import numpy as np
import psutil
import uvicorn
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler, Packet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from audio import wav
from audio.detection import detector
from audio.format import pcm16
from audio.opus import OpusEncoder
from audio.pcm import Framer, silence
from gateway.call.effects import Play
from gateway.call.events import CallerAudio, CallerJoined, Event
from gateway.callers.browser import BrowserDialect, Greeting
from gateway.callers.webrtc.ice import IceSettings
from gateway.callers.webrtc.leg import WebRtcLeg
from gateway.callers.webrtc.sdp import parse
from gateway.files import samples_dir
from gateway.running.listening import listen
from tests.bench.line import cpu_seconds

RATE = 24_000
CALLS = 5
SECONDS = 15.0
TURN = 5.0  # seconds that caller and assistant speak and listen in turn
FRAME = RATE // 50 * 2
ALONE = RTCConfiguration(iceServers=[])


def speech() -> bytes:
    """Somebody who speaks, and then listens for as long."""
    spoken = wav.read(samples_dir() / "audio" / "human" / "goforward.wav", rate=RATE)
    return spoken + silence(int(TURN * RATE) - len(spoken) // 2)


class Judge:
    """The voice detector at the end of either way in."""

    def __init__(self, silero: bool) -> None:
        self._framer = Framer(FRAME)
        self._detector = detector(RATE, second_opinion=silero)
        self.voiced = 0

    def hear(self, pcm: bytes) -> None:
        for frame in self._framer.push(pcm):
            self.voiced += self._detector.voiced(frame)


# ---------------------------------------------------------------- ours


async def answer_ours(offer: str, silero: bool) -> str:
    greeting = Greeting("call", "bench", "gateway")
    ice = IceSettings(loopback=True)
    leg = WebRtcLeg(BrowserDialect(greeting), pcm16(RATE), ice, "trunkline", joins=CallerJoined())
    judge = Judge(silero)

    def feed(event: Event) -> None:
        if isinstance(event, CallerAudio):
            judge.hear(event.pcm)

    answer = await leg.answer(parse(offer))
    keep(leg.run(feed))
    keep(speak_ours(leg))
    return answer


async def speak_ours(leg: WebRtcLeg) -> None:
    """As the core does it: 20 ms at a time, a little ahead."""
    loop, said = asyncio.get_running_loop(), speech()
    began, frame = loop.time(), 0
    while True:
        at = frame * FRAME % len(said)
        piece = said[at : at + FRAME]
        if any(piece):
            leg.send(Play("item", piece, frame * FRAME // 2, 0))
        frame += 1
        await asyncio.sleep(max(0.0, began + frame * 0.02 - loop.time()))


# ---------------------------------------------------------------- stock


class StockVoice(MediaStreamTrack):
    """Speech at 24 kHz for aiortc to encode."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._said, self._frames = speech(), 0
        self._began = asyncio.get_running_loop().time()

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._began + self._frames * 0.02 - loop.time()))
        at = self._frames * FRAME % len(self._said)
        wave = np.frombuffer(self._said[at : at + FRAME].ljust(FRAME, b"\0"), "<i2")
        frame = AudioFrame.from_ndarray(wave[None], "s16", "mono")
        frame.sample_rate, frame.pts = RATE, self._frames * FRAME // 2
        frame.time_base = Fraction(1, RATE)
        self._frames += 1
        return frame


async def answer_stock(offer: str, silero: bool) -> str:
    connection = RTCPeerConnection(ALONE)
    judge = Judge(silero)
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)

    async def listen_to(track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, AudioFrame)
            for lowered in resampler.resample(frame):
                judge.hear(lowered.to_ndarray().tobytes())

    connection.on("track", lambda track: keep(listen_to(track)))
    await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    connection.addTrack(StockVoice())
    await connection.setLocalDescription(await connection.createAnswer())
    KEPT.append(connection)
    return connection.localDescription.sdp


KEPT: list[Any] = []


def keep(work: Any) -> None:
    KEPT.append(asyncio.ensure_future(work))


async def serve(side: str, silero: bool, profile: bool) -> None:
    """Answer offers on a free port, which is printed first."""
    answers: dict[str, Callable[..., Any]] = {"ours": answer_ours, "stock": answer_stock}

    async def door(request: Request) -> Response:
        return PlainTextResponse(await answers[side]((await request.body()).decode(), silero))

    profiler = cProfile.Profile()

    async def print_profile(request: Request) -> Response:
        profiler.disable()
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(28)
        return PlainTextResponse("")

    routes = [
        Route("/", door, methods=["POST"]),
        Route("/profile", print_profile, methods=["POST"]),
    ]
    with listen("127.0.0.1", 0) as bound:
        print(bound.getsockname()[1], flush=True)
        server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="error"))
        if profile:
            profiler.enable()
        await server.serve(sockets=[bound])


# ---------------------------------------------------------------- the callers


class Recorded(MediaStreamTrack):
    """Speech that was encoded before, so that the callers cost little."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._sent = 0
        self.encode(dtx=False)
        self._began = asyncio.get_running_loop().time()

    def encode(self, dtx: bool) -> None:
        """As a browser does: in silence a packet each 400 ms, where the answer asks for it."""
        encoder, said = OpusEncoder(RATE, dtx=dtx), speech()
        frames = [said[at : at + FRAME] for at in range(0, len(said) - FRAME + 1, FRAME)]
        packets = [encoder.encode(frame) for frame in frames]
        hushed = [len(packet) <= 2 for packet in packets]
        self._packets = [
            None if hush and hushed[at - 1] and at % 20 else packet
            for at, (packet, hush) in enumerate(zip(packets, hushed, strict=True))
        ]

    async def recv(self) -> Packet:
        loop = asyncio.get_running_loop()
        while (payload := self._packets[self._sent % len(self._packets)]) is None:
            self._sent += 1
        await asyncio.sleep(max(0.0, self._began + self._sent * 0.02 - loop.time()))
        packet = Packet(payload)
        packet.pts, packet.time_base = self._sent * 960, Fraction(1, 48_000)
        self._sent += 1
        return packet


async def call(address: str) -> RTCPeerConnection:
    connection = RTCPeerConnection(ALONE)
    voice = Recorded()
    connection.addTrack(voice)
    async with httpx2.AsyncClient() as http:
        await connection.setLocalDescription(await connection.createOffer())
        answer = await http.post(address, content=connection.localDescription.sdp)
    voice.encode(dtx="usedtx=1" in answer.text)
    await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    return connection


async def measure(side: str, silero: bool, profile: bool = False) -> float:
    """Percent of a core for one call."""
    command = [sys.executable, "-m", "tests.bench.webrtc", "--serve", side]
    command += ["--silero"] * silero + ["--profile"] * profile
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
    try:
        assert process.stdout is not None
        address = f"http://127.0.0.1:{int(process.stdout.readline())}/"
        calls = [await call(address) for _ in range(CALLS)]
        await asyncio.sleep(2)
        watched = psutil.Process(process.pid)
        before = cpu_seconds(watched)
        await asyncio.sleep(SECONDS)
        used = cpu_seconds(watched) - before
        if profile:
            async with httpx2.AsyncClient() as http:
                await http.post(address + "profile")
        for one in calls:
            await one.close()
    finally:
        process.kill()
        process.wait()
    return 100 * used / SECONDS / CALLS


async def main(profile: bool) -> None:
    for name, silero in (("webrtcvad alone", False), ("webrtcvad and Silero", True)):
        stock, ours = await measure("stock", silero), await measure("ours", silero)
        print(
            f"{name:21} {ours:5.2f} % of a core a call, aiortc's own {stock:5.2f} %: "
            f"{ours / stock:.2f} of it, {CALLS} at once"
        )
    if profile:
        await measure("ours", False, profile=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", choices=("ours", "stock"))
    parser.add_argument("--silero", action="store_true")
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.serve, given.silero, given.profile))
    else:
        asyncio.run(main(given.profile))
