"""The folder: documents that are kept in step with the files of a folder and those below it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

from gateway.knowledge.blocks import DocumentError
from gateway.knowledge.library import Library
from gateway.knowledge.parsing import KINDS
from gateway.store.documents import EVERYBODY, Document

log = logging.getLogger(__name__)

Stamps = dict[str, tuple[int, int]]  # name -> when it was changed, and its size


class Folder:
    """One folder, whose documents are for every tenant."""

    def __init__(self, library: Library, path: Path, largest: int) -> None:
        self._library = library
        self._path = path
        self._largest = largest  # bytes of a file
        self._origin = str(path)
        self._seen: Stamps = {}

    async def renew(self) -> None:
        """Read what is new or has changed since the last look, and let go of what is gone."""
        there = await asyncio.to_thread(lambda: dict(_files(self._path, self._largest)))
        if there == self._seen:
            return
        kept = {one.name: one for one in await self._library.documents.catalogue(EVERYBODY)}
        for name in [name for name, stamp in there.items() if self._seen.get(name) != stamp]:
            try:
                await self._take(name, kept.get(name))
            except (DocumentError, OSError) as error:
                said = {"file": name, "why": str(error)}
                log.warning("a document of the folder is left out", extra=said)
        for name, one in kept.items():
            if one.origin == self._origin and name not in there:
                await self._library.remove(EVERYBODY, name)
        self._seen = there

    async def _take(self, name: str, before: Document | None) -> None:
        data = await asyncio.to_thread((self._path / name).read_bytes)
        if before is None or before.hash != hashlib.sha256(data).hexdigest():
            await self._library.add(EVERYBODY, name, data, origin=self._origin)


def _files(folder: Path, largest: int) -> Iterator[tuple[str, tuple[int, int]]]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.suffix.lower() not in KINDS or any(part.startswith(".") for part in inside.parts):
            continue
        try:
            facts = path.stat()
        except OSError:
            continue
        if path.is_file() and facts.st_size <= largest:
            yield inside.as_posix(), (facts.st_mtime_ns, facts.st_size)
