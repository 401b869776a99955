"""Telnyx' media streaming over WebSockets: JSON text both ways, audio in base64.

Follows its AsyncAPI description "Stream call media over WebSocket". Close codes: 1003 for binary
frames and codecs that are not known, 1007 for text that is no such message, 1008 for messages out
of order and for a wrong token.
"""

from __future__ import annotations

import hmac
import logging
from binascii import b2a_base64
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import msgspec

from audio.convert import Converter
from audio.format import Format
from gateway.call import effects as to
from gateway.call import events as of
from gateway.callers import carrier
from gateway.callers.dialect import SOUND_ALONE, Message, Reply
from gateway.callers.marks import Marks
from gateway.callers.reorder import Reorder
from gateway.errors import WireError

log = logging.getLogger(__name__)

PROTOCOL = "Telnyx media streaming"
TOKEN = "x-telnyx-streaming-auth-token"  # of a header and of a field
SHORTEST_US = 20_000  # of audio in one message to Telnyx


class _Connected(msgspec.Struct, rename={"token": TOKEN}):
    token: str = ""


class _MediaFormat(msgspec.Struct):
    encoding: str
    sample_rate: int = 8000


class _Start(msgspec.Struct, rename={"caller": "from", "called": "to"}):
    call_control_id: Annotated[str, msgspec.Meta(max_length=500)] = ""
    call_session_id: str = ""
    caller: str | None = None
    called: str | None = None
    custom_parameters: dict[str, Any] | None = None
    media_format: _MediaFormat = msgspec.field(default_factory=lambda: _MediaFormat("PCMU"))


Number = Annotated[int, msgspec.Meta(ge=0)] | Annotated[str, msgspec.Meta(max_length=15)]


class _Media(msgspec.Struct):
    payload: bytes
    chunk: Number | None = None
    track: str = "inbound"


class _Mark(msgspec.Struct):
    name: str


class _Digit(msgspec.Struct):
    digit: str


class _Error(msgspec.Struct):
    code: str | int = ""
    title: str = ""


class _Message(_Connected, rename={"token": TOKEN}):
    event: str = ""
    start: _Start | None = None
    media: _Media | None = None
    mark: _Mark | None = None
    dtmf: _Digit | None = None
    error: _Error | None = None


_MESSAGE = msgspec.json.Decoder(_Message)


class TelnyxDialect:
    """One stream. `token`: what it must say in its first message, where it has not shown it yet."""

    kinds = SOUND_ALONE
    lead = carrier.AHEAD_US
    grain = carrier.SLICE_US

    def __init__(self, form: Format, token: str = "") -> None:
        self.format = form
        self.call_id = ""  # Telnyx' call_control_id
        self._token = token
        self._started = False
        self._inward = Converter(form, form)
        self._order: Reorder[bytes] = Reorder()
        self._marks = Marks()

    def decode(self, message: Message) -> Iterator[of.FromCaller | Reply]:
        """What a message from Telnyx means."""
        said: _Message = carrier.parse(_MESSAGE, carrier.text(message, PROTOCOL), PROTOCOL)
        if said.event == "media" and said.media is not None:
            carrier.expect_order(self._started, False, said.event)
            if said.media.track == "inbound":
                yield from self._audio(said.media)
            return
        match said:
            case _Message(event="connected"):
                if self._token and hmac.compare_digest(said.token.encode(), self._token.encode()):
                    self._token = ""
            case _Message(event="start", start=_Start() as start):
                carrier.expect_order(self._started, True, said.event)
                yield self._joined(start)
            case _Message(event="mark", mark=_Mark(name=name)):
                if (played := self._marks.echoed(name)) is not None:
                    yield played
            case _Message(event="dtmf", dtmf=_Digit(digit=digit)):
                carrier.expect_order(self._started, False, said.event)
                yield from carrier.pressed(digit)
            case _Message(event="stop"):
                yield from self._heard(self._order.rest())
                yield of.CallerLeft("hung up")
            case _Message(event="error", error=_Error() as error):
                told = {"code": error.code, "title": error.title}
                log.warning("Telnyx reports an error", extra=told)
            case _Message(event="media" | "start" | "mark" | "dtmf"):
                raise WireError(f"Expected in a message {said.event!r} what it is about.", 1007)

    def encode(self, effect: to.ToCaller) -> Iterator[Message]:
        """The messages that carry out an effect; one mark a slice."""
        match effect:
            case to.Play():
                pieces = carrier.slices(effect, self.format, least=SHORTEST_US)
                yield from self._marks.among(pieces, self.format, self._media, _mark)
            case to.Flush(generation):
                self._marks.flushed(generation)
                yield '{"event":"clear"}'

    def farewell(self, reason: str, error: WireError | None) -> Iterator[Message]:
        """Nothing: the protocol has no word for it."""
        del reason, error
        return iter(())

    def _media(self, piece: to.Play) -> tuple[Message]:
        shortest = self.format.rate * SHORTEST_US // 1_000_000
        missing = shortest - self.format.samples(piece.pcm)
        payload = b2a_base64(piece.pcm + self.format.silence(missing), newline=False).decode()
        return (f'{{"event":"media","media":{{"payload":"{payload}"}}}}',)

    def _joined(self, start: _Start) -> of.CallerJoined:
        if self._token:
            raise WireError("Expected the stream to show bridges.telnyx.stream_token.")
        self._started = True
        self.call_id = start.call_control_id
        heard = start.media_format
        wide = self.format.encoding if self.format.width == 2 else "pcm16be"
        form = carrier.format_named(heard.encoding, heard.sample_rate, wide, "bridges.telnyx.codec")
        self._inward = Converter(form, self.format)
        given = carrier.words(start.custom_parameters or {})
        known = {"call_control_id": self.call_id, "call_session_id": start.call_session_id}
        given |= {name: value for name, value in known.items() if value}
        return of.CallerJoined(start.caller or "", True, start.called or "", given)

    def _audio(self, media: _Media) -> Iterator[of.CallerAudio]:
        chunk = media.chunk
        if chunk is None:
            return self._heard((media.payload,))
        if isinstance(chunk, str) and not (chunk.isascii() and chunk.isdecimal()):
            raise WireError(f"Expected a number as chunk, and {chunk!r} came.", 1007)
        return self._heard(self._order.push(int(chunk), media.payload))

    def _heard(self, pieces: Iterable[bytes]) -> Iterator[of.CallerAudio]:
        width = self._inward.source.width
        for piece in pieces:
            if audio := self._inward.push(piece[: len(piece) // width * width]):
                yield of.CallerAudio(audio)


def _mark(name: str) -> str:
    return f'{{"event":"mark","mark":{{"name":"{name}"}}}}'
