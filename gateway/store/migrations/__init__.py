"""Migrations: each version of the tables, and the way from any older one to the newest."""

from __future__ import annotations

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

log = logging.getLogger(__name__)


class NewerError(Exception):
    """The database is of a version that this program does not know."""


def upgrade(connection: Connection) -> None:
    """Bring the tables up to date inside the connection's transaction. Raises NewerError."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and not _is_known(script, found):
        raise NewerError(
            f"it was made by a newer Trunkline (its tables are of version {found!r}, and the "
            f"newest known here is {script.get_current_head()!r}); install that Trunkline, or name "
            "another database in store.url. Nothing was changed"
        )
    if found != script.get_current_head():
        log.info("the tables are brought up to date", extra={"from": found or "nothing"})
        command.upgrade(config, "head")


def _is_known(script: ScriptDirectory, revision: str) -> bool:
    try:
        return script.get_revision(revision) is not None
    except CommandError:
        return False
