"""Holders: whatever keeps something of callers says here how it forgets and what it gives out.

One list for `trunkline forget`, `DELETE /api/callers/{id}`, retention and exports. A new place in
which something of a caller is kept (a table, a folder, a cache, keys in Redis) becomes a `Holder`
and is named in `gateway.privacy.places.holders`; what lives in the memory of a running gateway
alone is given to `Custodian.add`. Nothing else has to be done for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Whose:
    """Of whom something is to be erased or given out.

    `caller` is the name that the books have: a telephone number, an address, an identity. Where it
    is empty, only these calls are meant (they are too old to be kept), and not the caller.
    """

    tenant: str
    caller: str
    calls: tuple[str, ...]  # the ids of calls that have ended


@dataclass(frozen=True, slots=True)
class Kept:
    """One file of an export: its path within the archive, and its content."""

    path: str
    content: bytes


class Holder(Protocol):
    """Keeps something of callers."""

    @property
    def name(self) -> str:
        """What it is, in a word or two, for reports."""
        ...

    async def forget(self, whose: Whose) -> int:
        """Erase all of it, so that no byte stays; says how many things those were.

        May be asked twice, and then finds nothing. Raises TrunklineError or OSError where it
        cannot be done now; it is asked again later.
        """
        ...

    def export(self, whose: Whose) -> AsyncIterator[Kept]:
        """All that it keeps, as files that people and programs can read."""
        ...


@runtime_checkable
class Dated(Holder, Protocol):
    """A holder that can tell by itself how old something is."""

    async def older(self, before_ms: int) -> set[str]:
        """Ids of calls of which it has kept something, and nothing more since then."""
        ...
