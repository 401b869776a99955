"""The messages of Twilio's Media Streams as they come, each an object of JSON."""

from __future__ import annotations

from typing import Annotated

import msgspec

Name = Annotated[str, msgspec.Meta(max_length=256)]


class MediaFormat(msgspec.Struct, rename="camel"):
    encoding: str
    sample_rate: int


class Start(msgspec.Struct, rename="camel"):
    stream_sid: Name
    call_sid: Name
    media_format: MediaFormat
    account_sid: Name = ""
    custom_parameters: dict[str, str] = {}


class Media(msgspec.Struct):
    payload: bytes  # base64 on the wire
    track: str = "inbound"


class Mark(msgspec.Struct):
    name: Name


class Key(msgspec.Struct):
    digit: Name


class Said(msgspec.Struct):
    event: str
    start: Start | None = None
    media: Media | None = None
    mark: Mark | None = None
    dtmf: Key | None = None
