"""The table: live calls and taken connections of each worker, in memory that all of them see.

Each writes its own numbers alone; a reader sees numbers that were true a moment ago, at once and
without a word to anybody.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SLOTS = 256
NAME = "table"
_NUMBER = struct.Struct("@Q")  # native, and so written at once


class Table:
    """All numbers."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory

    def __getitem__(self, slot: int) -> int:
        return int(_NUMBER.unpack_from(self._memory, slot * _NUMBER.size)[0])

    def __setitem__(self, slot: int, calls: int) -> None:
        _NUMBER.pack_into(self._memory, slot * _NUMBER.size, calls)

    def total(self) -> int:
        """The calls of all workers."""
        return sum(_NUMBER.unpack_from(self._memory, at)[0] for at in range(0, CALLS, _NUMBER.size))

    def taken(self, slot: int) -> int:
        """The connections that a worker has taken of those that it was given."""
        return int(_NUMBER.unpack_from(self._memory, CALLS + slot * _NUMBER.size)[0])

    def take(self, slot: int) -> None:
        """Another was taken."""
        _NUMBER.pack_into(self._memory, CALLS + slot * _NUMBER.size, self.taken(slot) + 1)

    def clear(self, slot: int) -> None:
        """Nobody is in that place."""
        self[slot] = 0
        _NUMBER.pack_into(self._memory, CALLS + slot * _NUMBER.size, 0)


CALLS = SLOTS * _NUMBER.size  # bytes of the first of two columns
SIZE = 2 * CALLS


class Seats:
    """One worker's place in it, for its switchboard."""

    def __init__(self, table: Table, slot: int) -> None:
        self._table, self._slot = table, slot
        self.mark = f"{slot:02x}"  # by which others know whose a call is

    @property
    def others(self) -> int:
        """The calls of the other workers."""
        return self._table.total() - self._table[self._slot]

    def take(self, calls: int) -> None:
        """So many are ours."""
        self._table[self._slot] = calls


@contextmanager
def open_table(folder: Path, *, make: bool = False) -> Iterator[Table]:
    """The table in that folder."""
    path = folder / NAME
    if make:
        path.write_bytes(bytes(SIZE))
    with path.open("r+b") as file, mmap.mmap(file.fileno(), SIZE) as memory:
        yield Table(memory)
