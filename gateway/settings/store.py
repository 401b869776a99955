"""The settings of the store: where the books are kept, and what waits when they are away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from gateway.private import Private
from gateway.section import Secret, Section


class Store(Section):
    """The books: who called, what was said and done, what it took. Empty: nothing is kept."""

    url: Secret = Field(
        default=Private(""),
        description="A file beside this one for SQLite, or the URL of a PostgreSQL database, with"
        " its password.",
        examples=["trunkline.db"],
    )
    redis: Secret = Field(
        default=Private(""),
        description="URL of a Redis, with its password, for what several gateways share:"
        " limits, budgets, tickets, client secrets, live calls, orders to stop, revocations."
        " Empty: each gateway has its own.",
        examples=["redis://localhost:6379/0"],
    )
    spill: str = Field(
        default="trunkline.spill",
        description="File in which rows wait while the database is away.",
    )
    spill_mb: int = Field(
        default=256, ge=1, le=1_000_000, description="How large that file may become."
    )


def root_store(folder: Path, values: dict[str, Any]) -> None:
    """Files are meant from the settings file's folder; a URL stays as it is."""
    for name, default in (("url", ""), ("spill", "trunkline.spill")):
        value = values.get(name, default)
        if isinstance(value, str) and value and "://" not in value:
            values[name] = str(folder / Path(value).expanduser())
