"""Standing: what outlasts a call and calls draw on: the memory of callers, and the documents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.privacy.holders import Holder
from gateway.settings import Settings
from gateway.toolbelt.sources import Kept

if TYPE_CHECKING:
    from gateway.knowledge.opening import Finder
    from gateway.memory.keeping import Keeper
    from gateway.store.store import Store


@dataclass(frozen=True, slots=True)
class Standing:
    """The memory where books are kept; documents where books are kept or a folder is named."""

    keeper: Keeper | None = None
    finder: Finder | None = None

    def documents(self, tenant: str) -> str | None:
        """Which documents that tenant's calls can search now; None while that is not known."""
        return self.finder.edition.of(tenant) if self.finder is not None else ""

    @property
    def holders(self) -> list[Holder]:
        """What has to forget callers beside the places on disk."""
        if self.keeper is None:
            return []
        from gateway.memory.keeping import LiveMemory

        return [LiveMemory(self.keeper)]

    def kept(self, settings: Settings) -> Kept:
        """What the built-in tools may read and keep."""
        remembers = self.keeper is not None and settings.memory.callers != "none"
        notebook = self.keeper.notebook if self.keeper is not None and remembers else None
        return Kept(notebook=notebook, finder=self.finder)


@asynccontextmanager
async def open_standing(settings: Settings, store: Store | None) -> AsyncIterator[Standing]:
    """As the settings want it. Raises SettingsError."""
    keeper, finder = None, None
    async with AsyncExitStack() as parts:
        if store is not None:  # what it needs takes memory, and not all keep books
            from gateway.memory.keeping import open_keeper

            keeper = await parts.enter_async_context(
                open_keeper(store, settings.privacy.redaction())
            )
        if store is not None or settings.tools.knowledge:
            from gateway.knowledge.opening import open_finder

            database = store.database if store is not None else None
            finder = await parts.enter_async_context(open_finder(settings, database))
        yield Standing(keeper, finder)


@asynccontextmanager
async def open_kept(settings: Settings) -> AsyncIterator[Kept]:
    """The same for a command, beside a gateway that may run meanwhile. Raises StoreError."""
    async with AsyncExitStack() as parts:
        notebook, finder, database = None, None, None
        if url := settings.store.url.reveal():
            from gateway.memory.notebook import Notebook
            from gateway.store.database import open_database
            from gateway.store.memories import Memories

            database = await open_database(url)
            parts.push_async_callback(database.close)
            if settings.memory.callers != "none":
                notebook = Notebook(Memories(database))
        if database is not None or settings.tools.knowledge:
            from gateway.knowledge.opening import open_finder

            finder = await parts.enter_async_context(open_finder(settings, database))
        yield Kept(notebook=notebook, finder=finder)
