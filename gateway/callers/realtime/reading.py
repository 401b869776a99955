"""Reading: one event of a client, as far as all events are alike."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from gateway.callers.dialect import Message
from gateway.protocol.wire import MAX_APPEND, MAX_EVENT_ID, PIECE, Json, Refused, wrong_type

MAX_EVENT: Final = MAX_APPEND + 64 * 1024  # characters: the longest append and its frame


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


def event_id_of(event: Json) -> str | None:
    """The client's own name for an event, where it has one that can be used."""
    value = event.get("event_id")
    return value if isinstance(value, str) and len(value) <= MAX_EVENT_ID else None


def parsed(message: Message) -> Json:
    """One event. Raises Refused."""
    if len(message) > MAX_EVENT:
        problem = f"Expected at most {MAX_EVENT} characters in one event, got {len(message)}."
        raise Refused("string_above_max_length", problem)
    try:
        event = msgspec.json.decode(message)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Refused("invalid_json", f"Expected one JSON object a message: {error}") from None
    if not isinstance(event, dict):
        raise Refused("invalid_event", "Expected a JSON object with a 'type'.")
    return event


def check(event: Json) -> None:
    """What every event has. Raises Refused."""
    if "type" not in event:
        raise Refused("invalid_event", "The 'type' field is missing.", "type")
    if not isinstance(event["type"], str):
        raise wrong_type(event["type"], "a string", "type")
    given = event.get("event_id")
    if given is not None and (not isinstance(given, str) or len(given) > MAX_EVENT_ID):
        problem = f"Invalid 'event_id': expected a string of at most {MAX_EVENT_ID} characters."
        raise Refused("invalid_value", problem, "event_id")
