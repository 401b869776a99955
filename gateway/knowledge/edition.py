"""Edition: what stands on the shelves, in a few letters that are others after every change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from gateway.store.documents import EVERYBODY, Document, Documents


class Edition:
    """Of the documents of one store, as of the last look."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._versions: dict[str, int] | None = None
        self._shelves: dict[str, str] = {}

    async def look(self) -> None:
        """See whether anything has changed. Raises StoreError where that cannot be seen."""
        versions = await self._documents.versions()
        if versions != self._versions:
            self._shelves = _digests(await self._documents.catalogue())
            self._versions = versions

    def of(self, tenant: str) -> str | None:
        """Of all that this tenant's calls can search; None before the first look."""
        if self._versions is None:
            return None
        both = [self._shelves.get(one, "") for one in dict.fromkeys((tenant, EVERYBODY))]
        return " ".join(both).strip()


def _digests(documents: Iterable[Document]) -> dict[str, str]:
    """By content, for versions of a folder's documents begin anew at each start."""
    shelves: dict[str, list[str]] = {}
    for one in documents:
        shelves.setdefault(one.tenant, []).append(f"{one.hash} {one.name}")
    return {
        tenant: hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:16]
        for tenant, names in shelves.items()
    }
