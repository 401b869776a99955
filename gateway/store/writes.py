"""Writes: what is to be put down in the books, as values that can wait in memory or on disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

LONGEST = 200_000  # characters of one value; more is cut


class Write(msgspec.Struct, frozen=True):
    """One change of one row. `put` adds the row or, where its key is there, changes it."""

    table: str
    order: Literal["put", "change", "append"]  # append: to the audit's chain
    values: dict[str, Any]


def put(table: str, values: Mapping[str, Any]) -> Write:
    """A row, whole; the same again changes nothing."""
    return Write(table, "put", cleaned(values))


def change(table: str, values: Mapping[str, Any]) -> Write:
    """Some columns of a row that is there; its key is among the values."""
    return Write(table, "change", cleaned(values))


def append(values: Mapping[str, Any]) -> Write:
    """A link of the audit's chain."""
    return Write("audit", "append", cleaned(values))


def cleaned(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as every database takes them."""
    return {name: _clean(value) for name, value in values.items()}


def _clean(value: Any) -> Any:
    """PostgreSQL has no NUL in a text, and UTF-8 no lone surrogates; callers may send both."""
    if isinstance(value, str):
        text = value[:LONGEST].replace("\0", "\N{REPLACEMENT CHARACTER}")
        return text.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_clean(str(name)): _clean(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return value
