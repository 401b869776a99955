"""Keeping: the custodian that the settings ask for, for a gateway and for commands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from gateway.privacy.custodian import Custodian, Retention, at_work
from gateway.privacy.holders import Holder
from gateway.privacy.places import holders
from gateway.running.books import alias_key, open_database_of
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.store.store import Store

NO_BOOKS = "nobody knows which calls are whose"


@asynccontextmanager
async def keeping(
    settings: Settings, store: Store | None, live: Sequence[Holder] = ()
) -> AsyncIterator[Custodian | None]:
    """The custodian of a gateway, at work; nothing where no books are kept.

    `live`: what holds something in the memory of this process alone.
    """
    if store is None:
        yield None
        return
    from gateway.store.erasing import Erasing

    database, privacy = store.database, settings.privacy
    retention = Retention(privacy.retention_days, privacy.days())
    custodian = Custodian(
        Erasing(database),
        [*live, *holders(settings, database)],
        store.audit,
        store.writer,
        retention,
    )
    async with at_work(custodian):
        yield custodian


@asynccontextmanager
async def open_custodian(settings: Settings) -> AsyncIterator[Custodian]:
    """One for a command. Raises TrunklineError where no books are kept."""
    from pathlib import Path

    from gateway.store.erasing import Erasing
    from gateway.store.noting import Audit
    from gateway.store.writer import open_writer

    async with open_database_of(settings, NO_BOOKS) as database:
        spill = Path(settings.store.spill)
        async with open_writer(database, spill) as writer:
            audit = Audit(writer.add, alias_key(settings))
            yield Custodian(Erasing(database), holders(settings, database), audit, writer)
