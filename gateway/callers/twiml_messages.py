"""The messages of Twilio's Media Streams, which SignalWire speaks too: JSON text, audio in base64.

Follows "WebSocket messages" of Twilio's documentation of bidirectional Media Streams. Close codes:
1003 for a binary message, 1007 for text that is no message of this protocol, 1008 for messages out
of order, 1009 for frames that are too large.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec

from audio.format import WIDTHS, Encoding, Format
from gateway.call import effects as to
from gateway.call import events as of
from gateway.callers.dialect import Message, Reply
from gateway.callers.marks import Marks
from gateway.errors import WireError

SLICE_US = 200_000  # of sound between two marks
AHEAD_US = 600_000  # of sound that the provider holds at most, against a network that stutters

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


class _Media(msgspec.Struct):
    payload: bytes  # base64 on the wire
    track: str = "inbound"


class _Mark(msgspec.Struct):
    name: Name


class _Key(msgspec.Struct):
    digit: Name


class _Said(msgspec.Struct):
    event: str
    start: _Start | None = None
    media: _Media | None = None
    mark: _Mark | None = None
    dtmf: _Key | None = None


_DECODE = msgspec.json.Decoder(_Said).decode


class StreamDialect:
    """One stream. `encodings`: what the provider's names of encodings mean, in lower case."""

    lead = AHEAD_US
    grain = SLICE_US

    def __init__(self, encodings: Mapping[str, Encoding]) -> None:
        self.format = Format("pcmu", 8_000)  # until the start says otherwise
        self.call_sid = ""
        self._encodings = encodings
        self._stream = ""
        self._marks = Marks()

    def decode(self, message: Message) -> Iterator[of.FromCaller | Reply]:
        """What a message of the provider means; WireError where it means nothing."""
        said = _parse(message)
        started = bool(self._stream)
        if said.event == "media" and said.media is not None and started:
            if said.media.track == "inbound" and said.media.payload:
                yield of.CallerAudio(self._whole(said.media.payload))
        elif said.event == "mark" and said.mark is not None and started:
            if (played := self._marks.echoed(said.mark.name)) is not None:
                yield played
        elif said.event == "dtmf" and said.dtmf is not None and started:
            yield of.CallerDigit(said.dtmf.digit)
        elif said.event == "start" and said.start is not None and not started:
            yield self._joined(said.start)
        elif said.event == "stop":
            yield of.CallerLeft("hung up")
        elif said.event in ("media", "mark", "dtmf", "start"):
            raise WireError(_out_of_order(said.event, started))

    def encode(self, effect: to.ToCaller) -> Iterator[Message]:
        """The messages that carry out an effect: sound, marks between it, and its taking back."""
        match effect:
            case to.Play():
                yield from self._play(effect)
            case to.Flush(generation):
                self._marks.flushed(generation)
                yield f'{{"event":"clear",{self._stream}}}'

    def farewell(self, reason: str, error: WireError | None) -> Iterator[Message]:
        """Nothing: the protocol has no word for it."""
        del reason, error
        return iter(())

    def _play(self, play: to.Play) -> Iterator[Message]:
        if (name := self._marks.before(play)) is not None:
            yield self._mark(name)
        width = self.format.width
        piece = self.format.rate * SLICE_US // 1_000_000 * width
        for at in range(0, len(play.pcm), piece):
            pcm = play.pcm[at : at + piece]
            payload = b2a_base64(pcm, newline=False).decode()
            yield f'{{"event":"media",{self._stream},"media":{{"payload":"{payload}"}}}}'
            yield self._mark(self._marks.after(play, (at + len(pcm)) // width))

    def _mark(self, name: str) -> str:
        return f'{{"event":"mark",{self._stream},"mark":{{"name":"{name}"}}}}'

    def _joined(self, start: _Start) -> of.CallerJoined:
        spoken = start.media_format
        encoding = self._encodings.get(spoken.encoding.lower())
        if encoding is None or not 8_000 <= spoken.sample_rate <= 48_000:
            raise WireError(
                f"Expected audio as one of {', '.join(self._encodings)} at 8000 to 48000 Hz, and "
                f"{spoken.encoding[:40]!r} at {spoken.sample_rate} Hz came. Set the stream's codec."
            )
        self.format = Format(encoding, spoken.sample_rate)
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

    def _whole(self, payload: bytes) -> bytes:
        if len(payload) % WIDTHS[self.format.encoding]:
            raise WireError(
                f"Expected whole samples of {self.format}, and {len(payload)} bytes came.", 1007
            )
        return payload


def _parse(message: Message) -> _Said:
    if isinstance(message, bytes):
        raise WireError("Expected JSON text, and a binary message came. Send text frames.", 1003)
    try:
        return _DECODE(message)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(f"Expected a message of Media Streams: {error}.", 1007) from error


def _out_of_order(event: str, started: bool) -> str:
    if started and event == "start":
        return "Expected one start in a stream, and another came. Open another stream."
    if started:
        return f"Expected an object {event!r} beside the event {event!r}, and none came."
    return f"Expected a whole start first, and {event!r} came. Send the start first."
