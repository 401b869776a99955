"""A browser's side of WebRTC, as aiortc plays it: an offer over HTTP, Opus either way.

aiortc costs more than the gateway does, and what it hears has waited in its own jitter buffer; so
latencies include that, and a few dozen calls fill a core of the tester.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from fractions import Fraction
from typing import Any

import numpy as np
from httpx2 import AsyncClient, HTTPError

from audio.format import pcm16
from gateway.errors import TrunklineError
from gateway.load.lines.line import (
    BROKE,
    NO_ANSWER,
    NOT_UNDERSTOOD,
    REFUSED,
    CallFailedError,
    Over,
    Speaker,
)
from gateway.load.lines.sockets import SECONDS, Ended, explain, refusal

try:
    from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
    from aiortc.mediastreams import MediaStreamError
    from av import AudioFrame
except ImportError as error:  # the extra is not installed
    raise TrunklineError(
        'calls over WebRTC need aiortc: python -m pip install "trunkline[webrtc]"'
    ) from error

RATE = 48_000
ALONE = RTCConfiguration(iceServers=[])
WAITING = 5  # frames that may wait for aiortc to take them
GONE = 8.0  # seconds without sound and without a report on ours, which come each few seconds
LOOK = 1.0  # seconds between two looks for that


class Voice(MediaStreamTrack):
    """The caller's frames, as aiortc asks for them."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._frames: deque[bytes] = deque(maxlen=WAITING)
        self._filled = asyncio.Event()
        self._number = 0

    def add(self, pcm: bytes) -> None:
        """The next 20 ms."""
        self._frames.append(pcm)
        self._filled.set()

    async def recv(self) -> AudioFrame:
        while not self._frames:
            self._filled.clear()
            await self._filled.wait()
        wave = np.frombuffer(self._frames.popleft(), "<i2")
        frame = AudioFrame.from_ndarray(wave[None], "s16", "mono")
        frame.sample_rate, frame.pts = RATE, self._number * len(wave)
        frame.time_base = Fraction(1, RATE)
        self._number += 1
        return frame


class Peer:
    """One call."""

    def __init__(self, caller: Speaker, over: Over) -> None:
        self._caller = caller
        self._ended = Ended(over)
        self._voice = Voice()
        self._connection = RTCPeerConnection(ALONE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._heard = 0.0  # when something came last, by the clock of reports: seconds since 1970
        self._connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def offer(self) -> str:
        """What goes to the gateway."""
        connection = self._connection
        self._sender = connection.addTrack(self._voice)
        connection.createDataChannel("oai-events")
        connection.on("track", lambda track: self._keep(self._listen(track)))
        connection.on("connectionstatechange", self._changed)
        await connection.setLocalDescription(await connection.createOffer())
        return str(connection.localDescription.sdp)

    async def take(self, answer: str) -> None:
        """What came back. Raises CallFailedError."""
        try:
            described = RTCSessionDescription(answer, "answer")
            await self._connection.setRemoteDescription(described)
        except Exception as error:  # aiortc has no class of its own for a description it rejects
            raise CallFailedError(NOT_UNDERSTOOD, f"the answer: {error}"[:120]) from error
        try:
            async with asyncio.timeout(SECONDS):
                await self._connected
        except TimeoutError as error:
            raise CallFailedError(NO_ANSWER, "no connection was made") from error
        self._heard, self._watching = time.time(), self._keep(self._watch())
        self._caller.answered(time.monotonic())

    def beat(self, now: float) -> None:
        """Another 20 ms have passed."""
        self._voice.add(self._caller.frame(now))

    def hang_up(self) -> None:
        """The caller is done."""
        self._ended.expected = True
        self._keep(self.close())

    async def close(self) -> None:
        """Let go of everything."""
        if self._watching is not None:
            self._watching.cancel()
        self._voice.stop()
        await self._connection.close()

    def _changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected" and not self._connected.done():
            self._connected.set_result(None)
        elif state in ("failed", "closed"):
            self._ended.lost()

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _watch(self) -> None:
        """A gateway that is no more says nothing over UDP; aiortc finds out after half a minute."""
        while time.time() - self._heard < GONE:
            await asyncio.sleep(LOOK)
            stats = await self._sender.getStats()
            reports = (one for one in stats.values() if one.type == "remote-inbound-rtp")
            told = [one.timestamp.timestamp() for one in reports]
            self._heard = max([self._heard, *told])
        self._ended.tell(BROKE, f"nothing came for {GONE:g} s")
        self._keep(self.close())

    async def _listen(self, track: MediaStreamTrack) -> None:
        with suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                now, self._heard = time.monotonic(), time.time()
                assert isinstance(frame, AudioFrame)
                wave = frame.to_ndarray().reshape(-1, len(frame.layout.channels))
                self._caller.ear.sound(now, np.ascontiguousarray(wave[:, 0]).tobytes())


class WebRtc:
    """Calls to an address that takes offers, such as /v1/realtime/calls; `token` is the key."""

    form = pcm16(RATE)

    def __init__(self, url: str, token: str = "") -> None:
        self._url = url
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = AsyncClient(timeout=SECONDS, trust_env=False, headers=headers)

    async def call(self, caller: Speaker, over: Over) -> Peer:
        """Place a call; it is answered when this returns. Raises CallFailedError."""
        peer = Peer(caller, over)
        try:
            offer = await peer.offer()
            try:
                headers = {"content-type": "application/sdp"}
                answer = await self._http.post(self._url, content=offer, headers=headers)
            except HTTPError as error:
                raise explain(error) from error
            if not answer.is_success:
                raise CallFailedError(REFUSED, refusal("the offer", answer.status_code))
            await peer.take(answer.text)
        except BaseException:
            await peer.close()
            raise
        return peer

    async def close(self) -> None:
        """No more calls."""
        await self._http.aclose()
