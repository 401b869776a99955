"""Budgets: what operators have given to tenants and callers."""

import sqlalchemy as sa
from alembic import op

from gateway.store.migrations.versions.v0001_books import count, word

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "budgets",
        word("tenant"),
        word("caller"),
        sa.Column("call_nano", sa.BigInteger),
        sa.Column("day_nano", sa.BigInteger),
        sa.Column("month_nano", sa.BigInteger),
        count("change"),
        sa.PrimaryKeyConstraint("tenant", "caller"),
    )
