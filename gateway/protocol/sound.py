"""Sound within items: the audio of a message's parts, in another format."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from gateway.protocol.wire import Json, Refused


def recoded(item: Json, change: Callable[[bytes], bytes]) -> Json:
    """The item with each part's audio changed. Raises Refused where one is no base64."""
    content = item.get("content")
    if not isinstance(content, list):
        return item
    return item | {"content": [_part(part, number, change) for number, part in enumerate(content)]}


def _part(part: object, number: int, change: Callable[[bytes], bytes]) -> object:
    if not isinstance(part, dict) or not isinstance(part.get("audio"), str):
        return part
    try:
        data = base64.b64decode(part["audio"], validate=True)
    except (binascii.Error, ValueError):
        param = f"item.content[{number}].audio"
        message = f"Invalid '{param}': expected base64-encoded audio bytes. Encode them again."
        raise Refused("invalid_value", message, param) from None
    return part | {"audio": base64.b64encode(change(data)).decode("ascii")}
