"""The sample caller: plays a script over the browser's protocol, and keeps what happened."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from gateway.errors import TrunklineError
from gateway.rehearsal.actor import Actor, ActorError
from gateway.rehearsal.conversation import Conversation, Ledger, Line, Notice, Sound, ToolUse
from gateway.rehearsal.microphone import Microphone
from gateway.rehearsal.player import Player
from gateway.rehearsal.script import Script
from gateway.rehearsal.sounds import RATE

SUBPROTOCOL = "trunkline"
START_SECONDS = 10.0  # for the gateway to take the call
KEY_SECONDS = 0.2  # between two keys of the telephone
END_SECONDS = 15.0  # for it to say farewell
OUTBOX = 1_000  # messages that may wait for a gateway that does not read
FATAL = ("assistant_lost",)  # notices after which a call has not gone through


class CallError(TrunklineError):
    """A call could not be placed."""


class Watcher(Protocol):
    """Looks on while a call goes on."""

    def started(self, call_id: str, assistant: str) -> None:
        """The gateway has taken the call."""
        ...

    def line(self, item: str, line: Line, final: bool) -> None:
        """A line of the transcript, whole, as it stands now; it is gone if it is empty."""
        ...

    def tool(self, use: ToolUse) -> None:
        """A tool was called, or has answered."""
        ...

    def latency(self, seconds: float, at: float) -> None:
        """An answer began, so long after the caller's last word."""
        ...

    def notice(self, notice: Notice) -> None:
        """The gateway has something to say."""
        ...


class Nobody:
    """Watches nothing."""

    def started(self, call_id: str, assistant: str) -> None: ...
    def line(self, item: str, line: Line, final: bool) -> None: ...
    def tool(self, use: ToolUse) -> None: ...
    def latency(self, seconds: float, at: float) -> None: ...
    def notice(self, notice: Notice) -> None: ...


class SampleCaller:
    """One call, with recordings for a voice and a simulated player for an ear."""

    def __init__(
        self,
        script: Script,
        sounds: Mapping[Path, bytes],
        *,
        watcher: Watcher | None = None,
        name: str = "",
    ) -> None:
        self._script = script
        self._sounds = sounds
        self._watcher = watcher or Nobody()
        self._name = name or script.name
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._outbox: asyncio.Queue[str | bytes] = asyncio.Queue(OUTBOX)
        self._ended: str | None = None  # as the gateway said
        self._broken = ""  # what went wrong
        self.ledger = Ledger()
        self.player = Player(RATE, self._report, self._sounded)
        self.microphone = Microphone(RATE, self._put)
        self._actor = Actor(script, sounds, self)

    async def call(self, url: str, token: str = "") -> Conversation:
        """Place the call and play the script. Raises CallError where nobody takes it."""
        try:
            async with connect(
                address(url),
                subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
                additional_headers={"Authorization": f"Bearer {token}"} if token else None,
                compression=None,
                proxy=None if _is_local(url) else True,
                open_timeout=START_SECONDS,
                close_timeout=2,
            ) as socket:
                await self._begin(socket)
                await self._live(socket)
        except InvalidStatus as error:
            raise CallError(
                f"what answers at {url} takes no call there (HTTP {error.response.status_code});"
                " name a gateway by its host and port alone, such as http://localhost:8080"
            ) from error
        except (OSError, InvalidHandshake, InvalidURI, TimeoutError) as error:
            raise CallError(
                f"no gateway takes the call at {url} ({_reason(error)}); start one with"
                " `trunkline serve`, or leave --url out"
            ) from error
        finally:
            self.player.stop()
        return self._conversation()

    # ------------------------------------------------------------ what an actor can do

    async def say(self, pcm: bytes) -> None:
        """Speak."""
        await self.microphone.say(pcm)

    def type(self, text: str) -> None:
        """Write."""
        self._put(_json("text", text=text))

    async def press(self, digits: str) -> None:
        """Press keys of the telephone."""
        for digit in digits:
            self._put(_json("digit", digit=digit))
            await asyncio.sleep(KEY_SECONDS)

    # ------------------------------------------------------------ the call

    async def _begin(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):  # why it was closed stands in what is received
            await socket.send(_json("start", reports=True, name=self._name[:200]))
        try:
            async with asyncio.timeout(START_SECONDS):
                while not self.ledger.call_id and not self._broken:
                    self._take(await socket.recv())
        except ConnectionClosed as closed:
            raise CallError(f"the gateway closed the line at once ({closed})") from closed
        if self._broken:
            raise CallError(f"the gateway does not take the call: {self._broken}")

    async def _live(self, socket: ClientConnection) -> None:
        """From the first frame to the last word."""
        tasks = [
            asyncio.create_task(self._play()),
            asyncio.create_task(self._read(socket)),
            asyncio.create_task(self._write(socket)),
            asyncio.create_task(self.microphone.run()),
        ]
        try:
            play, read = tasks[0], tasks[1]
            await asyncio.wait([play, read], return_when=asyncio.FIRST_COMPLETED)
            if not read.done():
                self._put(_json("hangup"))
                await asyncio.wait([read], timeout=END_SECONDS)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _play(self) -> None:
        try:
            async with asyncio.timeout(self._script.timeout):
                await self._actor.play()
        except TimeoutError:
            self._broken = f"the script was not played to its end in {self._script.timeout:g} s"
        except ActorError as error:
            self._broken = str(error)

    async def _read(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for message in socket:
                self._take(message)

    async def _write(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            while True:
                await socket.send(await self._outbox.get())

    def _put(self, message: str | bytes) -> None:
        try:
            self._outbox.put_nowait(message)
        except asyncio.QueueFull:
            self._broken = self._broken or "the gateway does not read what the caller says"

    # ------------------------------------------------------------ what the gateway says

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.player.push(message)
            return
        told = json.loads(message)
        match told["type"]:
            case "audio":
                self.player.announce(told["item"], told["position"], told["generation"])
            case "flush":
                self.player.flush(told["generation"])
                self._actor.flushed()
            case "state":
                self._actor.state(told["state"])
            case "started":
                self.ledger.call_id, self.ledger.assistant = told["call"], told["assistant"]
                self._watcher.started(told["call"], told["assistant"])
            case "ended":
                self._ended = told["reason"]
            case _:
                self._note(told)

    def _note(self, told: dict[str, Any]) -> None:
        now = self._loop.time() - self._began
        match told["type"]:
            case "words":
                self._watcher.line(told["item"], self.ledger.words(told), told["final"])
            case "tool":
                self._watcher.tool(self.ledger.tool(told, now))
            case "latency":
                self.ledger.latencies.append(told["ms"] / 1000)
                self._watcher.latency(told["ms"] / 1000, now)
            case "savings":
                self.ledger.save(told)
            case "notice" | "error":
                notice = Notice(told["code"], told["message"], now)
                self.ledger.notices.append(notice)
                if told["type"] == "error" or notice.code in FATAL:
                    self._broken = self._broken or notice.message
                if self.ledger.call_id:  # else there is no call, which the error says
                    self._watcher.notice(notice)

    def _report(self, item: str, samples: int, generation: int) -> None:
        self._put(_json("played", item=item, samples=samples, generation=generation))

    def _sounded(self, item: str) -> None:
        self._actor.sounded()

    def _conversation(self) -> Conversation:
        ended = self._ended or "the line broke"
        whole = self._actor.done and not self._broken and self._ended is not None
        return Conversation(
            call_id=self.ledger.call_id,
            assistant=self.ledger.assistant,
            transcript=self.ledger.transcript,
            tool_calls=self.ledger.tool_calls,
            latencies=tuple(self.ledger.latencies),
            savings=self.ledger.savings,
            notices=tuple(self.ledger.notices),
            heard=Sound(bytes(self.player.time_line.pcm), RATE),
            said=Sound(bytes(self.microphone.said), RATE),
            ended=self._broken or ended,
            complete=whole,
        )


def address(url: str) -> str:
    """The socket's address; http means ws, and without a path it is the browser's. CallError."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    if scheme not in ("ws", "wss") or not parts.hostname:
        raise CallError(f"--url: expected an address such as ws://host:8080/browser, got {url!r}")
    return urlunsplit(parts._replace(scheme=scheme, path=parts.path.rstrip("/") or "/browser"))


def _is_local(url: str) -> bool:
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or "it did not answer in time"


def _json(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})
