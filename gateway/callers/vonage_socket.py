"""Vonage's WebSocket endpoint: L16 in binary frames of exactly 20 ms, JSON text beside it.

Follows "WebSockets" of Vonage's Voice API documentation. Close codes: 1003 for audio that is not
L16, 1007 for text that is no such message, 1008 for messages out of order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from audio.format import pcm16
from gateway.call import effects as to
from gateway.call import events as of
from gateway.callers import carrier
from gateway.callers.dialect import SOUND_ALONE, Message, Reply
from gateway.callers.marks import Marks
from gateway.errors import WireError

PROTOCOL = "Vonage's WebSocket endpoint"
FRAME_US = 20_000  # of sound in each binary frame
CONTENT = re.compile(r"audio/l16;\s*rate=(8000|16000|24000)\Z")
OURS = ("event", "content-type")  # of the first message; all else is of whoever placed the call


class _Payload(msgspec.Struct):
    id: str = ""


class _Dtmf(msgspec.Struct):
    digit: str = ""


class _Message(msgspec.Struct, rename={"content": "content-type"}):
    event: str = ""
    content: str = ""
    digit: str = ""
    dtmf: _Dtmf | None = None
    payload: _Payload | None = None


_MESSAGE = msgspec.json.Decoder(_Message)
_ALL = msgspec.json.Decoder(dict[str, Any])


class VonageDialect:
    """One WebSocket endpoint."""

    kinds = SOUND_ALONE
    lead = carrier.AHEAD_US
    grain = carrier.SLICE_US

    def __init__(self, rate: int) -> None:
        self.format = pcm16(rate)  # until the first message says otherwise
        self._started = False
        self._marks = Marks()

    def decode(self, message: Message) -> Iterator[of.FromCaller | Reply]:
        """What a frame from Vonage means."""
        if isinstance(message, bytes):
            carrier.expect_order(self._started, False, "a binary frame")
            if whole := message[: len(message) // 2 * 2]:
                yield of.CallerAudio(whole)
            return
        said: _Message = carrier.parse(_MESSAGE, message, PROTOCOL)
        match said.event:
            case "websocket:connected":
                carrier.expect_order(self._started, True, repr(said.event))
                yield self._joined(said, carrier.parse(_ALL, message, PROTOCOL))
            case "websocket:dtmf":
                carrier.expect_order(self._started, False, repr(said.event))
                yield from carrier.pressed(said.digit or (said.dtmf.digit if said.dtmf else ""))
            case "websocket:notify" if said.payload is not None:
                if (played := self._marks.echoed(said.payload.id)) is not None:
                    yield played
            case "websocket:notify" | "":
                raise WireError(f"Expected a whole message of {PROTOCOL}.", 1007)

    def encode(self, effect: to.ToCaller) -> Iterator[Message]:
        """The frames that carry out an effect; one notification a slice."""
        match effect:
            case to.Play():
                pieces = carrier.slices(effect, self.format)
                yield from self._marks.among(pieces, self.format, self._frames, _notify)
            case to.Flush(generation):
                self._marks.flushed(generation)
                yield '{"action":"clear"}'

    def farewell(self, reason: str, error: WireError | None) -> Iterator[Message]:
        """Nothing: closing the socket ends the leg."""
        del reason, error
        return iter(())

    def _frames(self, piece: to.Play) -> Iterator[Message]:
        size = self.format.rate * FRAME_US // 1_000_000 * self.format.width
        for at in range(0, len(piece.pcm), size):
            yield piece.pcm[at : at + size].ljust(size, b"\0")

    def _joined(self, said: _Message, everything: dict[str, Any]) -> of.CallerJoined:
        content = CONTENT.match(said.content.lower())
        if content is None:
            raise WireError(
                "Expected audio/l16;rate=8000, 16000 or 24000 as content-type, and "
                f"{said.content[:40]!r} is to come. Set it in the NCCO.",
                1003,
            )
        self._started = True
        self.format = pcm16(int(content[1]))
        told = carrier.words(everything)
        given = {name: value for name, value in told.items() if name not in OURS}
        return of.CallerJoined(given.get("from", ""), True, given.get("to", ""), given)


def _notify(name: str) -> str:
    return f'{{"action":"notify","payload":{{"id":"{name}"}}}}'
