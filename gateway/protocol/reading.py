"""Reading: one event of a client, as far as all events are alike."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.protocol.wire import MAX_APPEND, MAX_EVENT_ID, Json, Refused, wrong_type

MAX_EVENT: Final = MAX_APPEND + 64 * 1024  # characters: the longest append and its frame
DEEPEST: Final = 100  # levels of objects and lists; whatever walks through them has room for more


def decoded(message: str | bytes) -> Any:
    """What a client has written as JSON. Raises Refused."""
    try:
        value = msgspec.json.decode(message)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Refused("invalid_json", f"Expected a JSON object: {error}") from None
    if _is_deep(value):
        problem = f"Expected objects and lists in each other at most {DEEPEST} levels deep."
        raise Refused("invalid_json", problem)
    return value


def parsed(message: str | bytes) -> Json:
    """One event. Raises Refused."""
    if len(message) > MAX_EVENT:
        problem = f"Expected at most {MAX_EVENT} characters in one event, got {len(message)}."
        raise Refused("string_above_max_length", problem)
    event = decoded(message)
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


def event_id_of(event: Json) -> str | None:
    """The client's own name for an event, where it has one that can be used."""
    value = event.get("event_id")
    return value if isinstance(value, str) and len(value) <= MAX_EVENT_ID else None


def _is_deep(value: Any) -> bool:
    held = [value]
    for _ in range(DEEPEST + 1):
        held = [one for one in held if isinstance(one, dict | list)]
        if not held:
            return False
        held = [
            inner
            for outer in held
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return True
