"""A caller for tests: aiortc's own peer connection, with PCM16 at 48 kHz for voice and ear."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

RATE = 48_000
FRAME = RATE // 50


class Microphone(MediaStreamTrack):
    """Says what it is given, in time, and silence after it."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.waiting = bytearray()
        self.frames = 0
        self._began: float | None = None

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        if self._began is None:
            self._began = loop.time()
        await asyncio.sleep(max(0.0, self._began + self.frames * 0.02 - loop.time()))
        pcm = bytes(self.waiting[: FRAME * 2]).ljust(FRAME * 2, b"\0")
        del self.waiting[: FRAME * 2]
        frame = AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2")[None], "s16", "mono")
        frame.sample_rate, frame.pts = RATE, self.frames * FRAME
        frame.time_base = Fraction(1, RATE)
        self.frames += 1
        return frame


@dataclass
class Caller:
    """One end of a call."""

    label: str = "trunkline"
    begins: bool = True  # says so when its channel opens
    connection: RTCPeerConnection = field(
        default_factory=lambda: RTCPeerConnection(RTCConfiguration(iceServers=[]))
    )
    microphone: Microphone = field(default_factory=Microphone)
    messages: list[dict[str, Any]] = field(default_factory=list)
    heard: list[tuple[float, int, int]] = field(default_factory=list)  # when, where, how loud
    sound: bytearray = field(default_factory=bytearray)  # of what was heard, without its gaps
    came: asyncio.Event = field(default_factory=asyncio.Event)
    ears: list[asyncio.Task[None]] = field(default_factory=list)

    known_channel: int | None = None  # both sides open it by this number

    def __post_init__(self) -> None:
        self.connection.addTrack(self.microphone)
        self.connection.on("track", self._listen)
        known = self.known_channel is not None
        self.channel = self.connection.createDataChannel(
            self.label, negotiated=known, id=self.known_channel
        )
        self.channel.on("open", self._opened)
        self.channel.on("message", self._message)

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def take(self, answer: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    def say(self, pcm: bytes) -> None:
        """Speak: PCM16 at 48 kHz."""
        self.microphone.waiting += pcm

    def send(self, kind: str, **fields: Any) -> None:
        self.channel.send(json.dumps({"type": kind, **fields}))

    async def wait(self, kind: str, seconds: float = 10, **fields: Any) -> dict[str, Any]:
        """The first message of that type with those fields."""
        return await self.wait_until(lambda: self._find(kind, fields), seconds)

    async def wait_until(self, found: Callable[[], Any], seconds: float = 10) -> Any:
        async with asyncio.timeout(seconds):
            while not (what := found()):
                self.came.clear()
                await self.came.wait()
        return what

    def loud(self) -> int:
        """How many frames were heard that were not silence."""
        return sum(peak > 1_000 for _, _, peak in self.heard)

    async def close(self) -> None:
        await self.connection.close()
        await asyncio.gather(*self.ears)

    def _find(self, kind: str, fields: dict[str, Any]) -> dict[str, Any] | None:
        wanted = {"type": kind, **fields}.items()
        return next((m for m in self.messages if wanted <= m.items()), None)

    def _opened(self) -> None:
        if self.begins:
            self.send("start", reports=True)

    def _message(self, message: str) -> None:
        self.messages.append(json.loads(message))
        self.came.set()

    def _listen(self, track: MediaStreamTrack) -> None:
        self.ears.append(asyncio.ensure_future(self._hear(track)))

    async def _hear(self, track: MediaStreamTrack) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            wave = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
            self.heard.append((loop.time(), frame.pts, int(np.abs(wave).max())))
            self.sound += wave.astype("<i2").tobytes()
            self.came.set()
