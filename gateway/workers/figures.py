"""Figures: each worker's page in a file, for when it does not answer, or is no more.

What a worker has told, it has written down before, and who takes the place of a dead one counts on
from there. So no sum over all pages ever falls, which Prometheus would take for a new beginning.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container
from contextlib import suppress
from pathlib import Path

from gateway.workers.merging import merged

EACH = 1.0  # seconds between two copies, for when this process is gone

log = logging.getLogger(__name__)


class Figures:
    """One worker's."""

    def __init__(self, folder: Path, slot: int) -> None:
        self._path = folder / f"w-{slot}.prom"
        self._before = _read(self._path)  # of those that died in this place
        self._failed = False

    def told(self, page: bytes) -> bytes:
        """A page as it is told: with what others counted in this place, and kept."""
        if self._before:
            page = merged([page.decode()], gone=[self._before]).encode()
        draft = self._path.with_suffix(".draft")
        try:
            draft.write_bytes(page)
            draft.replace(self._path)  # all of it or nothing, whoever reads it at this moment
            self._failed = False
        except OSError as error:
            if not self._failed:
                log.error("the figures cannot be kept", extra={"why": str(error)})
            self._failed = True
        return page

    async def copy(self, page: Callable[[], bytes]) -> None:
        """Have a page told now and then, though nobody asks."""
        while True:
            page()
            await asyncio.sleep(EACH)


def kept(folder: Path, but: Container[int]) -> list[str]:
    """What all workers counted that ever lived, but those of these places."""
    files = sorted(folder.glob("w-*.prom"))
    found = [_read(path) for path in files if int(path.stem.rpartition("-")[2]) not in but]
    return [page for page in found if page]


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text()
    return ""
