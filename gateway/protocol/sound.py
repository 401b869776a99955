"""Sound within items: the audio of a message's parts, in another format."""

from __future__ import annotations

from collections.abc import Callable

from gateway.protocol.wire import Json, encode_audio, from_base64


def recoded(item: Json, change: Callable[[bytes], bytes]) -> Json:
    """The item with each part's audio changed. Raises Refused where one is no base64."""
    content = item.get("content")
    if not isinstance(content, list):
        return item
    return item | {"content": [_part(part, number, change) for number, part in enumerate(content)]}


def _part(part: object, number: int, change: Callable[[bytes], bytes]) -> object:
    if not isinstance(part, dict) or not isinstance(part.get("audio"), str):
        return part
    data = from_base64(part["audio"], f"item.content[{number}].audio")
    changed = change(data)
    return part if changed == data else part | {"audio": encode_audio(changed)}
