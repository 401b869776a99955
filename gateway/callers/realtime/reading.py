"""Reading: the one event of a client that comes often, its sound."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from gateway.callers.dialect import Message
from gateway.protocol.wire import MAX_EVENT_ID, PIECE


class Append(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The one event that comes often enough to be worth a decoder of its own."""

    type: Literal["input_audio_buffer.append"]
    audio: Annotated[bytes, msgspec.Meta(max_length=PIECE // 2)]
    event_id: Annotated[str, msgspec.Meta(max_length=MAX_EVENT_ID)] | None = None


_APPEND: Final = msgspec.json.Decoder(Append)


def sound_of(message: Message) -> bytes | None:
    """What an append carries, where it is a usual one; whatever else comes is to be `parsed`."""
    try:
        return _APPEND.decode(message).audio
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
