"""Fields: reading JSON that somebody else wrote, where a wrong kind is as good as absent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

Json = dict[str, Any]

LARGEST = 2**53  # beyond this a JSON number is no count of anything


def parse(message: str | bytes) -> Json | None:
    """A JSON object, or None for anything else."""
    try:
        value = msgspec.json.decode(message)
    except (msgspec.DecodeError, ValueError, RecursionError):
        value = _patched(message)
    return value if isinstance(value, dict) else None


def _patched(message: str | bytes) -> Any:
    """A message that escapes half a character, an emoji cut in two; the rest is worth having."""
    try:
        return whole_characters(json.loads(message))
    except (ValueError, RecursionError):
        return None


def whole_characters(value: Any) -> Any:
    """The same with question marks for halves of characters, which no encoder takes."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {whole_characters(key): whole_characters(entry) for key, entry in value.items()}
        case list() | tuple():
            return [whole_characters(entry) for entry in value]
        case _:
            return value


def text(source: Json, key: str) -> str:
    """A string, or empty."""
    value = source.get(key)
    return value if type(value) is str else ""


def count(source: Json, key: str) -> int:
    """A whole number from 0 up, or 0."""
    value = source.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if 0 <= value <= LARGEST else 0


def inner(source: Json, key: str) -> Json:
    """An object, or an empty one."""
    value = source.get(key)
    return value if type(value) is dict else {}


def objects(source: Json, key: str) -> Iterator[Json]:
    """The objects of a list."""
    value = source.get(key)
    if isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, dict))


def written(event: Json) -> str:
    """An event as the text of a frame."""
    try:
        return msgspec.json.encode(event).decode()
    except UnicodeEncodeError:
        return msgspec.json.encode(whole_characters(event)).decode()
