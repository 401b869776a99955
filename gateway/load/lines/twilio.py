"""Twilio's side of Media Streams: a signed webhook where there is one, then a stream per call."""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from collections import deque
from contextlib import suppress
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit, urlunsplit
from xml.etree import ElementTree

import msgspec
from httpx2 import AsyncClient, HTTPError
from picows import WSFrame, WSListener, WSMsgType, WSTransport

from audio.format import Format
from gateway.callers.twiml_signature import signature
from gateway.load.lines.line import FULL, NOT_UNDERSTOOD, REFUSED, CallFailedError, Over, Speaker
from gateway.load.lines.sockets import Ended, explain, open_socket, refusal

SECONDS = 10.0  # for the webhook to answer
START = (
    '{"event":"connected","protocol":"Call","version":"1.0.0"}',
    '{"event":"start","sequenceNumber":"1","streamSid":"%s","start":{"streamSid":"%s",'
    '"accountSid":"AC00","callSid":"CA%s","tracks":["inbound"],"mediaFormat":{"encoding":'
    '"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":%s}}',
)
MEDIA = (
    b'{"event":"media","sequenceNumber":"%d","streamSid":"%b","media":{"track":"inbound",'
    b'"chunk":"%d","timestamp":"%d","payload":"%b"}}'
)


class _Media(msgspec.Struct):
    payload: str


class _Mark(msgspec.Struct):
    name: str


class _Said(msgspec.Struct):
    event: str
    media: _Media | None = None
    mark: _Mark | None = None


_SAID = msgspec.json.Decoder(_Said)


class Stream(WSListener):
    """One call."""

    def __init__(self, caller: Speaker, parameters: dict[str, str], over: Over) -> None:
        self._caller, self._parameters = caller, parameters
        self._sid = f"MZ{caller.number:08d}"
        self._sequence = 1
        self._chunk = 0
        self._ends = 0.0  # when all that has come is heard
        self._marks: deque[tuple[float, str]] = deque()  # and when each is to be sent back
        self._ended = Ended(over)
        self._socket: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._socket = transport
        given = msgspec.json.encode(self._parameters).decode()
        transport.send(WSMsgType.TEXT, START[0].encode())
        sid = self._sid
        transport.send(WSMsgType.TEXT, (START[1] % (sid, sid, sid[2:], given)).encode())
        self._caller.answered(time.monotonic())

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        now = time.monotonic()
        if (said := self._ended.read(transport, frame, _SAID)) is None:
            return
        if said.event == "media" and said.media is not None:
            audio = b64decode(said.media.payload)
            self._ends = max(self._ends, now) + len(audio) / 8_000
            self._caller.ear.sound(now, audio)
        elif said.event == "mark" and said.mark is not None:
            self._marks.append((max(self._ends, now), said.mark.name))
        elif said.event == "clear":
            self._ends = now
            self._echo(float("inf"))
            self._caller.ear.cleared(now)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._ended.lost()

    def beat(self, now: float) -> None:
        """Another 20 ms have passed."""
        assert self._socket is not None
        self._sequence += 1
        self._chunk += 1
        payload = _base64(self._caller.frame(now))
        numbers = self._sequence, self._sid.encode(), self._chunk, 20 * self._chunk, payload
        self._socket.send(WSMsgType.TEXT, MEDIA % numbers)
        if self._marks:
            self._echo(now)

    def hang_up(self) -> None:
        """The caller is done."""
        self._ended.expected = True
        if self._socket is not None and not self._socket.is_disconnected:
            self._say("stop", b'{"accountSid":"AC00","callSid":"CA00"}')
            self._socket.send_close()
            self._socket.disconnect()

    def _echo(self, until: float) -> None:
        while self._marks and self._marks[0][0] <= until:
            name = self._marks.popleft()[1]
            self._say("mark", msgspec.json.encode({"name": name}))

    def _say(self, event: str, body: bytes) -> None:
        assert self._socket is not None
        self._sequence += 1
        named = event.encode()
        head = b'{"event":"%b","sequenceNumber":"%d","streamSid":"%b","%b":%b}'
        numbers = named, self._sequence, self._sid.encode(), named, body
        self._socket.send(WSMsgType.TEXT, head % numbers)


@lru_cache(4096)
def _base64(frame: bytes) -> bytes:
    return b64encode(frame)  # of few frames, for all calls say the same


class Twilio:
    """Calls to one gateway: by its webhook (http, https), or at its stream's address (ws, wss).

    `token` signs as Twilio would. Whatever host a webhook's answer names, the stream goes to the
    one that was given: that answer says where Twilio is to go, and this may be behind a proxy.
    """

    form = Format("pcmu", 8_000)

    def __init__(self, url: str, token: str = "") -> None:
        self._url, self._parts, self._token = url, urlsplit(url), token
        self._http = AsyncClient(timeout=SECONDS, trust_env=False)

    async def call(self, caller: Speaker, over: Over) -> Stream:
        """Place a call; it is answered when this returns. Raises CallFailedError."""
        named, parameters = self._url, dict[str, str]()
        if self._parts.scheme in ("http", "https"):
            named, parameters = await self._ask(caller)
        # As it would be signed where a proxy with a certificate stands before the gateway.
        public = urlunsplit(urlsplit(named)._replace(scheme="wss"))
        headers = {"X-Twilio-Signature": self._signature(public)} if self._token else {}
        stream = Stream(caller, parameters, over)
        await open_socket(stream, self._address(named), headers)
        return stream

    async def close(self) -> None:
        """No more calls."""
        with suppress(HTTPError):
            await self._http.aclose()

    async def _ask(self, caller: Speaker) -> tuple[str, dict[str, str]]:
        """The stream that the webhook wants, and its parameters."""
        form = {
            "CallSid": f"CA{caller.number:08d}",
            "AccountSid": "AC00",
            "From": f"+1555{caller.number:07d}",
            "To": "+15550000000",
            "CallStatus": "ringing",
            "Direction": "inbound",
        }
        # As it would be signed where a proxy with a certificate stands before the gateway.
        public = urlunsplit(self._parts._replace(scheme="https"))
        signed = self._signature(public, form)
        headers = {"X-Twilio-Signature": signed} if self._token else {}
        try:
            answer = await self._http.post(self._url, data=form, headers=headers)
        except HTTPError as error:
            raise explain(error) from error
        if not answer.is_success:
            raise CallFailedError(REFUSED, refusal("the webhook", answer.status_code))
        try:
            twiml = ElementTree.fromstring(answer.text)
        except ElementTree.ParseError as error:
            raise CallFailedError(NOT_UNDERSTOOD, "the webhook answered no TwiML") from error
        stream = twiml.find("Connect/Stream")
        if stream is None:
            why = f"busy; {FULL}" if twiml.find("Reject") is not None else "no stream in its TwiML"
            raise CallFailedError(REFUSED, why)
        parameters = {one.get("name", ""): one.get("value", "") for one in stream.iter("Parameter")}
        return stream.get("url", ""), parameters

    def _signature(self, url: str, form: dict[str, str] | None = None) -> str:
        return signature(self._token, "sha1", url, (form or {}).items())

    def _address(self, named: str) -> str:
        secure = self._parts.scheme in ("https", "wss")
        host, path = self._parts.netloc, urlsplit(named).path
        return urlunsplit(SplitResult("wss" if secure else "ws", host, path, "", ""))
