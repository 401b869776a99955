"""Opening: the library that a gateway's settings and books allow, kept in step as it stands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.background import beside
from gateway.clock import holding
from gateway.errors import SettingsError, TrunklineError
from gateway.knowledge.edition import Edition
from gateway.knowledge.embedding import find_embedder
from gateway.knowledge.folder import Folder
from gateway.knowledge.library import Library
from gateway.settings import Settings
from gateway.store.database import Database, open_database
from gateway.store.documents import Documents, Quote
from tools.knowledge import Passage

log = logging.getLogger(__name__)

LOOK = 2.0  # seconds between two looks for what has changed
FILL = 60.0  # seconds until vectors that could not be made are tried again
MEGABYTE = 1_000_000


class Finder:
    """The library as the tool asks it, once it has read what it is to read."""

    def __init__(self, library: Library, folder: Folder | None) -> None:
        self.library = library
        self.edition = Edition(library.documents)
        self._folder = folder
        self._begun = asyncio.Event()

    async def find(self, tenant: str, question: str) -> list[Passage]:
        """The passages that fit best."""
        with holding():
            await self._begun.wait()
        found = await self.library.search(tenant, question)
        return [Passage(source=cited(one), quote=one.text) for one in found]

    async def there(self) -> bool:
        """Whether there is anything to search."""
        return self._folder is not None or await self.library.documents.any()

    async def run(self) -> None:
        """Keep the folder's documents in step, and make what vectors are missing, for ever."""
        waited = FILL
        while True:
            try:
                if self._folder is not None:
                    await self._folder.renew()
                await self.edition.look()
                self._begun.set()
                if waited >= FILL:
                    waited = 0.0
                    await self.library.fill()
            except TrunklineError as error:
                log.warning("the documents are not renewed", extra={"why": str(error)})
            finally:
                self._begun.set()
            await asyncio.sleep(LOOK)
            waited += LOOK


def cited(quote: Quote) -> str:
    """Document, heading and place, as one says where something stands."""
    return ", ".join(filter(None, (quote.document, quote.heading, quote.place)))


@asynccontextmanager
async def open_finder(settings: Settings, database: Database | None) -> AsyncIterator[Finder]:
    """The documents of the store; where there is none, of the folder alone, in a file that goes.

    Raises SettingsError for a folder that is none.
    """
    async with AsyncExitStack() as parts:
        if database is None:
            place = parts.enter_context(TemporaryDirectory(prefix="trunkline-"))
            database = await open_database(str(Path(place) / "documents.db"))
            parts.push_async_callback(database.close)
        library = Library(Documents(database), find_embedder(settings.knowledge))
        parts.push_async_callback(library.close)
        finder = Finder(library, _folder(settings, library))
        async with beside(finder.run(), "knowledge"):
            yield finder


def _folder(settings: Settings, library: Library) -> Folder | None:
    if not settings.tools.knowledge:
        return None
    path = Path(settings.tools.knowledge)
    if not path.is_dir():
        raise SettingsError(
            f"tools.knowledge: {path} is no folder; make it, or name one with documents"
        )
    return Folder(library, path, settings.knowledge.largest_mb * MEGABYTE)
