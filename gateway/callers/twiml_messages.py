"""The messages of Twilio's Media Streams, which SignalWire speaks too: JSON text, audio in base64.

Follows "WebSocket messages" of Twilio's documentation of bidirectional Media Streams. Close codes:
1003 for a binary message, 1007 for text that is no message of this protocol, 1008 for messages out
of order, 1009 for frames that are too large.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec

from audio.format import WIDTHS, Encoding, Format
from gateway.call import effects as to
from gateway.call import events as of
from gateway.callers import carrier
from gateway.callers.dialect import SOUND_ALONE, Message, Reply
from gateway.callers.marks import Marks
from gateway.errors import WireError

Name = Annotated[str, msgspec.Meta(max_length=256)]


class _MediaFormat(msgspec.Struct, rename="camel"):
    encoding: str
    sample_rate: int


class _Start(msgspec.Struct, rename="camel"):
    stream_sid: Name
    call_sid: Name
    media_format: _MediaFormat
    account_sid: Name = ""
    custom_parameters: dict[str, str] = {}


class _Media(msgspec.Struct, gc=False):
    payload: bytes  # base64 on the wire
    track: str = "inbound"


class _Mark(msgspec.Struct):
    name: Name


class _Key(msgspec.Struct):
    digit: Name


class _Said(msgspec.Struct, gc=False):
    event: str
    start: _Start | None = None
    media: _Media | None = None
    mark: _Mark | None = None
    dtmf: _Key | None = None


_SAID = msgspec.json.Decoder(_Said)
PROTOCOL = "Media Streams"


class StreamDialect:
    """One stream. `wide`: how it orders the bytes of L16."""

    kinds = SOUND_ALONE
    lead = carrier.AHEAD_US
    grain = carrier.SLICE_US

    def __init__(self, wide: Encoding = "pcm16") -> None:
        self.format = Format("pcmu", 8_000)  # until the start says otherwise
        self._width = 1  # bytes of a sample
        self.call_sid = ""
        self._wide = wide
        self._stream = ""
        self._marks = Marks()

    def decode(self, message: Message) -> bytes | Iterable[of.FromCaller | Reply]:
        """What a message of the provider means; WireError where it means nothing."""
        text = message if type(message) is str else carrier.text(message, PROTOCOL)
        said: _Said = carrier.parse(_SAID, text, PROTOCOL)
        if said.event != "media" or said.media is None or not self._stream:
            return self._rarely(said, started=bool(self._stream))
        heard = said.media.payload if said.media.track == "inbound" else b""
        if len(heard) % self._width:
            raise WireError(
                f"Expected whole samples of {self.format}, and {len(heard)} bytes came.", 1007
            )
        return heard

    def _rarely(self, said: _Said, started: bool) -> Iterable[of.FromCaller | Reply]:
        if said.event == "mark" and said.mark is not None and started:
            played = self._marks.echoed(said.mark.name)
            return () if played is None else (played,)
        if said.event == "dtmf" and said.dtmf is not None and started:
            return carrier.pressed(said.dtmf.digit)
        if said.event == "start" and said.start is not None and not started:
            return (self._joined(said.start),)
        if said.event == "stop":
            return (of.CallerLeft("hung up"),)
        if said.event in ("media", "mark", "dtmf", "start"):
            raise WireError(_out_of_order(said.event, started))
        return ()

    def encode(self, effect: to.ToCaller) -> Iterable[Message]:
        """The messages that carry out an effect: sound, marks between it, and its taking back."""
        match effect:
            case to.Play():
                pieces = carrier.slices(effect, self.format)
                return self._marks.among(pieces, self.format, self._media, self._mark)
            case to.Flush(generation):
                self._marks.flushed(generation)
                return (f'{{"event":"clear",{self._stream}}}',)
        return ()

    def farewell(self, reason: str, error: WireError | None) -> Iterator[Message]:
        """Nothing: the protocol has no word for it."""
        del reason, error
        return iter(())

    def _media(self, piece: to.Play) -> tuple[Message]:
        payload = b2a_base64(piece.pcm, newline=False).decode()
        return (f'{{"event":"media",{self._stream},"media":{{"payload":"{payload}"}}}}',)

    def _mark(self, name: str) -> str:
        return f'{{"event":"mark",{self._stream},"mark":{{"name":"{name}"}}}}'

    def _joined(self, start: _Start) -> of.CallerJoined:
        spoken = start.media_format
        where = "the stream in its TwiML"
        self.format = carrier.format_named(spoken.encoding, spoken.sample_rate, self._wide, where)
        self._width = WIDTHS[self.format.encoding]
        self.call_sid = start.call_sid
        self._stream = f'"streamSid":{msgspec.json.encode(start.stream_sid).decode()}'
        given = start.custom_parameters
        known = {"call_sid": start.call_sid, "account_sid": start.account_sid}
        return of.CallerJoined(
            given.get("from", ""),
            reports_playback=True,
            called=given.get("to", ""),
            metadata={**given, **{name: value for name, value in known.items() if value}},
        )


def _out_of_order(event: str, started: bool) -> str:
    if started and event == "start":
        return "Expected one start in a stream, and another came. Open another stream."
    if started:
        return f"Expected an object {event!r} beside the event {event!r}, and none came."
    return f"Expected a whole start first, and {event!r} came. Send the start first."
