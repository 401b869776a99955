"""A real server with a real leg and a small call behind it, for the page to talk to."""

from __future__ import annotations

import asyncio
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from audio.format import pcm16
from audio.tone import sine
from gateway.call import effects as to
from gateway.call import events as of
from gateway.callers.browser import SUBPROTOCOL, BrowserDialect, Greeting
from gateway.callers.parting import MAX_FRAME
from gateway.callers.websocket import WebSocketLeg
from gateway.doors.page import routes
from gateway.files import client_dir
from gateway.sockets.upgrade import Upgrade

RATE = 24_000
PIECE = 480  # samples of one Play
LEAD = 12  # pieces that are sent at once before pacing begins
OUTPUT = Path(__file__).resolve().parents[2] / "test-output"


@dataclass
class Tones:
    """A call that answers typed words with a tone, and falls silent when it is interrupted."""

    leg: WebSocketLeg
    heard: bytearray = field(default_factory=bytearray)
    played: list[of.CallerPlayed] = field(default_factory=list)
    events: list[of.Event] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)
    generation: int = 0
    interruptible: bool = False
    playing: asyncio.Task[None] | None = None

    def feed(self, event: of.Event) -> None:
        match event:
            case of.CallerAudio(pcm):
                self.heard += pcm
                if self.interruptible and loudness(pcm) > 0.02 and self.playing:
                    self.interrupt()
            case of.CallerPlayed():
                self.played.append(event)
            case of.CallerText(text):
                self.events.append(event)
                self.ask(text)
            case _:
                self.events.append(event)

    def ask(self, text: str) -> None:
        """`tone`, `tone until interrupted`, `show`, `end`, or anything to be echoed."""
        if text == "end":
            self.leg.close("the assistant hung up")
        elif text == "show":
            for effect in CONVERSATION:
                self.leg.send(effect)
        else:
            self.interruptible = "interrupted" in text
            seconds = 30.0 if self.interruptible else 1.5
            item = f"item_{len(self.sent)}"
            self.sent[item] = 0
            self.playing = asyncio.get_running_loop().create_task(self.play(item, seconds))

    async def play(self, item: str, seconds: float) -> None:
        self.leg.send(to.ShowState("speaking"))
        self.leg.send(to.ShowWords(item, "assistant", "Here is a tone", 0, final=True))
        pcm = sine(440, seconds, RATE)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for at in range(0, len(pcm) // 2, PIECE):
            await asyncio.sleep(max(0.0, began + (at - LEAD * PIECE) / RATE - loop.time()))
            piece = pcm[at * 2 : (at + PIECE) * 2]
            self.leg.send(to.Play(item, piece, at, self.generation))
            self.sent[item] = at + len(piece) // 2
        self.leg.send(to.ShowState("listening"))

    def interrupt(self) -> None:
        assert self.playing is not None
        self.playing.cancel()
        self.playing = None
        self.generation += 1
        self.leg.send(to.Flush(self.generation))
        self.leg.send(to.ShowState("hearing"))


ORDER = '{"order":"A-4172","status":"packed","carrier":"DHL","ships":"Monday, 23 November"}'
CONVERSATION: list[to.ToCaller] = [
    to.ShowWords("c1", "caller", "Hello, where is my order four one seven two?", 1_000_000, True),
    to.ShowTool("call_1", "find_order", '{"order":"A-4172"}', "running"),
    to.ShowTool("call_1", "find_order", '{"order":"A-4172"}', "done", ORDER),
    to.ShowWords(
        *("a1", "assistant", "Your order is packed and leaves on Monday. It goes by", 4_000_000),
        final=True,
        cut=True,
    ),
    to.ShowWords("c2", "caller", "Can it come on Tuesday afternoon instead?", 7_000_000, True),
    to.ShowTool("call_2", "change_delivery", '{"order":"A-4172","day":"Tue"}', "running"),
    to.ShowWords("a2", "assistant", "Let me see what the carrier", 9_000_000, final=False),
    to.ShowWords("a3", "assistant", "never heard", 9_500_000, final=False),
    to.ShowWords("a3", "assistant", "", 9_500_000, final=True),
    to.ShowLatency("a1", 455_000),
    to.ShowLatency("a2", 398_000),
    to.ShowCost(8_200_000),
    to.ShowCost(16_400_000),
    to.ShowSavings(24_000 * 60, 24_000 * 23, 1_776_000, 370, 0.0118),
    to.ShowState("speaking"),
]


def loudness(pcm: bytes) -> float:
    """Root mean square, 0 to 1."""
    wave = np.frombuffer(pcm, "<i2").astype(float) / 32768
    return float(np.sqrt(np.mean(wave**2))) if wave.size else 0.0


class House:
    """The server on a thread of its own, and the calls that came in."""

    def __init__(self) -> None:
        self.calls: list[Tones] = []
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        ice = Route("/v1/realtime/ice_servers", lambda _: JSONResponse({"iceServers": None}))
        browser = WebSocketRoute("/browser", self.answer)
        app = Starlette(routes=[*routes(client_dir()), ice, browser])
        config = uvicorn.Config(
            app,
            log_level="warning",
            ws=Upgrade,
            ws_max_size=MAX_FRAME,
            lifespan="off",
            ws_per_message_deflate=False,
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(
            target=asyncio.run, args=(self.server.serve(sockets=[listener]),)
        )
        self.thread.start()

    async def answer(self, websocket: WebSocket) -> None:
        greeting = Greeting("call_test", "embedded", "gateway")
        dialect = BrowserDialect(greeting)
        leg = WebSocketLeg(websocket, dialect, pcm16(RATE), subprotocol=SUBPROTOCOL)
        call = Tones(leg)
        self.calls.append(call)
        await leg.run(call.feed)
        if call.playing:
            call.playing.cancel()

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join()


def write_voice(path: Path) -> None:
    """A buzz of 140 Hz through two formants, syllable by syllable, as 48 kHz mono PCM16."""
    rate = 48_000
    times = np.arange(rate) / rate
    harmonics = np.arange(1, 60) * 140.0
    gains = sum(np.exp(-(((harmonics - f) / 180) ** 2)) for f in (600, 1500)) + 0.02
    voice = (gains[:, None] * np.sin(2 * np.pi * harmonics[:, None] * times)).sum(axis=0)
    voice *= np.clip(np.sin(2 * np.pi * 4 * times), 0.0, 1.0)
    wave = np.concatenate((np.zeros(rate // 2), 0.5 * voice / np.abs(voice).max(), np.zeros(rate)))
    soundfile.write(path, wave, rate, subtype="PCM_16")
