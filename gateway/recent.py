"""Recent: tables of bounded size, which let the oldest entry go where a new one finds no room."""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def keep(table: dict[K, V], key: K, value: V, most: int) -> None:
    """Put it there. An entry that is put again keeps its place among the others."""
    table[key] = value
    if len(table) > most:
        del table[next(iter(table))]
