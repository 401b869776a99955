"""Erasures: orders to forget a caller, which every gateway of the database carries out."""

import sqlalchemy as sa
from alembic import op

from gateway.store.migrations.versions.v0001_books import count, word

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the table, and what the caller has said to being kept."""
    op.add_column("calls", word("consent"))
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "erasures",
        sa.Column("seq", number, primary_key=True),
        *(count("at_ms"), word("tenant"), word("caller")),
        sa.Column("calls", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("done", sa.Boolean(), nullable=False),
    )
