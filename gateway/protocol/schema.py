"""Small composable checks of JSON values: each takes a value and its path, and returns it whole.

A check raises Refused with the message that the Realtime API gives. `lenient` drops unknown keys
where the strict way refuses the whole event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.protocol.wire import (
    Json,
    Refused,
    missing,
    unknown_key,
    unknown_value,
    wrong_type,
)


class Check(Protocol):
    """One check: the value as it is to be kept, or Refused."""

    def __call__(self, value: object, path: str, lenient: bool) -> object: ...


def text(value: object, path: str, lenient: bool) -> object:
    """A string."""
    if not isinstance(value, str):
        raise wrong_type(value, "a string", path)
    return value


def flag(value: object, path: str, lenient: bool) -> object:
    """A boolean."""
    if not isinstance(value, bool):
        raise wrong_type(value, "a boolean", path)
    return value


def anything(value: object, path: str, lenient: bool) -> object:
    """A value that is kept as it came."""
    return value


def mapping(value: object, path: str, lenient: bool) -> object:
    """An object with any keys."""
    if not isinstance(value, dict):
        raise wrong_type(value, "an object", path)
    return value


def nullable(check: Check) -> Check:
    """The same, or null."""
    return lambda value, path, lenient: None if value is None else check(value, path, lenient)


def one_of(*names: str) -> Check:
    """One of these strings."""

    def check(value: object, path: str, lenient: bool) -> object:
        if value not in names:
            raise unknown_value(value, list(names), path)
        return value

    return check


def number(low: float, high: float) -> Check:
    """A number in a range, both ends included."""

    def check(value: object, path: str, lenient: bool) -> object:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise wrong_type(value, "a number", path)
        if not low <= value <= high:
            raise _outside(value, low, high, path)
        return value

    return check


def integer(low: int, high: int) -> Check:
    """A whole number in a range, both ends included."""

    def check(value: object, path: str, lenient: bool) -> object:
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong_type(value, "an integer", path)
        if not low <= value <= high:
            raise _outside(value, low, high, path)
        return value

    return check


def list_of(check: Check) -> Check:
    """A list whose members all pass."""

    def check_all(value: object, path: str, lenient: bool) -> object:
        if not isinstance(value, list):
            raise wrong_type(value, "an array", path)
        return [check(v, f"{path}[{i}]", lenient) for i, v in enumerate(value)]

    return check_all


@dataclass(frozen=True, slots=True)
class Fields:
    """An object with known keys; `required` must be there, `defaults` are filled in."""

    known: dict[str, Check]
    required: tuple[str, ...] = ()
    defaults: Json | None = None

    def __call__(self, value: object, path: str, lenient: bool) -> Json:
        if not isinstance(value, dict):
            raise wrong_type(value, "an object", path)
        out = dict(self.defaults or {})
        for key, inner in value.items():
            check = self.known.get(key)
            if check is not None:
                out[key] = check(inner, f"{path}.{key}", lenient)
            elif not lenient:
                raise unknown_key(f"{path}.{key}")
        for key in self.required:
            if key not in value:
                raise missing(f"{path}.{key}")
        return out


def by_type(**shapes: Fields) -> Check:
    """An object whose `type` says which of several shapes it has."""

    def check(value: object, path: str, lenient: bool) -> object:
        if not isinstance(value, dict):
            raise wrong_type(value, "an object", path)
        if "type" not in value:
            raise missing(f"{path}.type")
        kind = value["type"]
        if not isinstance(kind, str) or kind not in shapes:
            raise unknown_value(kind, list(shapes), f"{path}.type")
        return shapes[kind](value, path, lenient)

    return check


def metadata(value: object, path: str, lenient: bool) -> object:
    """At most 16 pairs of strings, keys up to 64 and values up to 512 characters long."""
    if not isinstance(value, dict):
        raise wrong_type(value, "an object", path)
    if len(value) > 16:
        message = f"Invalid '{path}': expected at most 16 pairs, but got {len(value)}."
        raise Refused("object_above_max_properties", message, path)
    for key, inner in value.items():
        if not isinstance(inner, str):
            raise wrong_type(inner, "a string", f"{path}.{key}")
        if len(key) > 64 or len(inner) > 512:
            message = (
                f"Invalid '{path}': keys may have 64 and values 512 characters, "
                f"but got {len(key)} and {len(inner)}."
            )
            raise Refused("string_above_max_length", message, path)
    return value


def _outside(value: object, low: float, high: float, path: str) -> Refused:
    message = f"Invalid '{path}': expected a value from {low} to {high}, but got {value} instead."
    return Refused("invalid_value", message, path)
