"""Plivo's audio streaming: JSON text both ways, audio in base64.

Follows "Audio streaming" of Plivo's documentation. Close codes: 1003 for binary frames and codecs
that are not known, 1007 for text that is no such message, 1008 for messages out of order.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from audio.format import Format
from gateway.call import effects as to
from gateway.call import events as of
from gateway.callers import carrier
from gateway.callers.bridge import TICKET
from gateway.callers.dialect import SOUND_ALONE, Message, Reply
from gateway.callers.marks import Marks
from gateway.errors import WireError

PROTOCOL = "Plivo's audio streaming"

Name = Annotated[str, msgspec.Meta(max_length=500)]


class _MediaFormat(msgspec.Struct, rename="camel"):
    encoding: str
    sample_rate: int = 8_000


class _Start(msgspec.Struct, rename="camel"):
    stream_id: Name
    call_id: Name = ""
    account_id: Name = ""
    media_format: _MediaFormat = msgspec.field(default_factory=lambda: _MediaFormat("audio/x-l16"))


class _Media(msgspec.Struct):
    payload: bytes
    track: str = "inbound"


class _Digit(msgspec.Struct):
    digit: Name


class _Message(msgspec.Struct):
    event: str
    start: _Start | None = None
    media: _Media | None = None
    dtmf: _Digit | None = None
    name: Name | None = None
    extra_headers: str | dict[str, Any] | None = None


_MESSAGE = msgspec.json.Decoder(_Message)


class PlivoDialect:
    """One stream. `endian`: the byte order of L16."""

    kinds = SOUND_ALONE
    lead = carrier.AHEAD_US
    grain = carrier.SLICE_US

    def __init__(self, form: Format, endian: Literal["little", "big"] = "little") -> None:
        self.format = form  # until the start says otherwise
        self.call_id = ""
        self._wide: Literal["pcm16", "pcm16be"] = "pcm16" if endian == "little" else "pcm16be"
        self._stream = ""
        self._marks = Marks()

    def decode(self, message: Message) -> Iterator[of.FromCaller | Reply]:
        """What a message from Plivo means."""
        said: _Message = carrier.parse(_MESSAGE, carrier.text(message, PROTOCOL), PROTOCOL)
        started = bool(self._stream)
        match said:
            case _Message(event="media", media=_Media(payload, track)):
                carrier.expect_order(started, False, "audio")
                whole = payload[: len(payload) // self.format.width * self.format.width]
                if whole and track == "inbound":
                    yield of.CallerAudio(whole)
            case _Message(event="start", start=_Start() as start):
                carrier.expect_order(started, True, "a start")
                yield self._joined(start, parameters(said.extra_headers))
            case _Message(event="dtmf", dtmf=_Digit(digit)):
                carrier.expect_order(started, False, "a digit")
                yield from carrier.pressed(digit)
            case _Message(event="playedStream", name=str() as name):
                if (played := self._marks.echoed(name)) is not None:
                    yield played
            case _Message(event="media" | "start" | "dtmf" | "playedStream"):
                raise WireError(f"Expected in a message {said.event!r} what it is about.", 1007)

    def encode(self, effect: to.ToCaller) -> Iterator[Message]:
        """The messages that carry out an effect; one checkpoint a slice."""
        match effect:
            case to.Play():
                pieces = carrier.slices(effect, self.format)
                yield from self._marks.among(pieces, self.format, self._audio, self._checkpoint)
            case to.Flush(generation):
                self._marks.flushed(generation)
                yield f'{{"event":"clearAudio","streamId":{self._stream}}}'

    def farewell(self, reason: str, error: WireError | None) -> Iterator[Message]:
        """Nothing: the protocol has no word for it."""
        del reason, error
        return iter(())

    def _audio(self, piece: to.Play) -> tuple[Message]:
        kind = "audio/x-mulaw" if self.format.width == 1 else "audio/x-l16"
        known = f'"contentType":"{kind}","sampleRate":{self.format.rate}'
        payload = b2a_base64(piece.pcm, newline=False).decode()
        return (f'{{"event":"playAudio","media":{{{known},"payload":"{payload}"}}}}',)

    def _checkpoint(self, name: str) -> str:
        return f'{{"event":"checkpoint","streamId":{self._stream},"name":"{name}"}}'

    def _joined(self, start: _Start, given: dict[str, str]) -> of.CallerJoined:
        spoken = start.media_format
        self.format = carrier.format_named(
            spoken.encoding, spoken.sample_rate, self._wide, "bridges.plivo.content"
        )
        self.call_id = start.call_id
        self._stream = msgspec.json.encode(start.stream_id).decode()
        known = {"call_uuid": start.call_id, "account_id": start.account_id}
        metadata = {**given, **{name: value for name, value in known.items() if value}}
        return of.CallerJoined("", True, "", metadata)


def parameters(extra: str | dict[str, Any] | None) -> dict[str, str]:
    """Extra headers, as JSON or as `a=1;b=2`; a ticket, which may have no hyphens there, as it was.

    Raises WireError where they are neither.
    """
    given: Any = extra or {}
    if isinstance(given, str) and given.lstrip().startswith("{"):
        given = carrier.parse(msgspec.json.Decoder(dict[str, Any]), given, PROTOCOL)
    if isinstance(given, str):
        pairs = (part.partition("=") for part in re.split("[;,]", given) if "=" in part)
        given = {name: value for name, _, value in pairs}
    said = {name.strip(): value.strip() for name, value in carrier.words(given).items()}
    with suppress(ValueError, KeyError):
        said[TICKET] = str(UUID(said[TICKET]))
    return said
