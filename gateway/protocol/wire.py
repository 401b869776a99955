"""What every message on the wire needs: ids, refusals with their codes, base64 audio."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
Emit = Callable[[Json], None]

MAX_APPEND = 15 * 1024 * 1024  # characters of base64 in one input_audio_buffer.append
MAX_EVENT_ID = 512
PIECE = 12 * 16_384  # characters of base64 decoded at once, or bytes encoded


class Refused(Exception):
    """A client's request cannot be carried out; answered by one `error` event."""

    def __init__(
        self,
        code: str,
        message: str,
        param: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.kind = kind

    def event(self, client_event_id: str | None = None) -> Json:
        """The `error` event that tells the client."""
        return {
            "type": "error",
            "error": {
                "type": self.kind,
                "code": self.code,
                "message": self.message,
                "param": self.param,
                "event_id": client_event_id,
            },
        }


def new_id(prefix: str) -> str:
    """A fresh id such as `item_…`, at most 32 characters long."""
    return f"{prefix}_{secrets.token_hex(10)}"


def unknown_value(value: object, supported: list[str], param: str) -> Refused:
    """The refusal of a value that is none of the supported ones."""
    quoted = [f"'{s}'" for s in supported]
    listed = quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
    message = f"Invalid value: '{value}'. Supported values are: {listed}."
    return Refused("invalid_value", message, param)


def missing(param: str) -> Refused:
    """The refusal of a request that lacks a required field."""
    return Refused("missing_required_parameter", f"Missing required parameter: '{param}'.", param)


def unknown_key(param: str) -> Refused:
    """The refusal of a request with a field that nobody knows."""
    return Refused("unknown_parameter", f"Unknown parameter: '{param}'.", param)


def decode_audio(value: object, param: str) -> bytes:
    """The bytes of a base64 field."""
    if not isinstance(value, str):
        raise missing(param) if value is None else wrong_type(value, "a string", param)
    if len(value) > MAX_APPEND:
        message = (
            f"Invalid '{param}': string too long. Expected a string with maximum length "
            f"{MAX_APPEND}, but got a string with length {len(value)} instead."
        )
        raise Refused("string_above_max_length", message, param)
    return from_base64(value, param)


def from_base64(value: str, param: str) -> bytes:
    """Its bytes, decoded in pieces: each holds up all threads of the process. Raises Refused."""
    try:
        if len(value) <= PIECE:
            return binascii.a2b_base64(value, strict_mode=True)
        if 0 <= value.find("=") < len(value) - 2:
            raise ValueError("padding within the text")
        pieces = (value[at : at + PIECE] for at in range(0, len(value), PIECE))
        return b"".join(binascii.a2b_base64(piece, strict_mode=True) for piece in pieces)
    except (binascii.Error, ValueError):
        message = f"Invalid '{param}': expected base64-encoded audio bytes. Encode them again."
        raise Refused("invalid_value", message, param) from None


def encode_audio(data: bytes) -> str:
    """Bytes as the base64 that goes into JSON; in pieces, as above."""
    pieces = (data[at : at + PIECE] for at in range(0, len(data), PIECE))
    return "".join(base64.b64encode(piece).decode("ascii") for piece in pieces)


_KINDS = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    str: "a string",
    list: "an array",
    dict: "an object",
}


def wrong_type(value: object, expected: str, param: str) -> Refused:
    """The refusal of a value of the wrong kind."""
    came = _KINDS.get(type(value), type(value).__name__)
    message = f"Invalid type for '{param}': expected {expected}, but got {came} instead."
    return Refused("invalid_type", message, param)
