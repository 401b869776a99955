"""Access: the audit, whose rows stay as they are, API keys, and orders to stop."""

import sqlalchemy as sa
from alembic import op

from gateway.store.migrations.versions.v0001_books import count, word

revision = "0002"
down_revision = "0001"

FOREVER = "the audit is append-only"


def upgrade() -> None:
    """Add the three tables."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "audit",
        sa.Column("seq", number, primary_key=True),
        sa.Column("id", sa.Text(), nullable=False),
        *(count("at_ms"), word("kind"), word("actor"), word("tenant"), word("detail")),
        *(word("previous"), word("hash")),
        sa.UniqueConstraint("id"),
    )
    _freeze("audit")
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), primary_key=True),
        *(word("hash"), word("tenant"), word("name"), word("scopes"), count("created_ms")),
        *(sa.Column(name, sa.BigInteger()) for name in ("expires_ms", "revoked_ms")),
        word("successor"),
    )
    op.create_index("api_keys_of_tenant", "api_keys", ["tenant"])
    op.create_table(
        "stops",
        sa.Column("seq", number, primary_key=True),
        *(count("at_ms"), word("tenant"), word("kind"), word("target"), word("reason")),
    )


def _freeze(table: str) -> None:
    """Neither a fault of ours nor a hasty hand changes a row; whoever means to is found out."""
    if op.get_bind().dialect.name == "sqlite":
        for order in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_{order.lower()} BEFORE {order} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{FOREVER}'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_stays() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{FOREVER}'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_stays()"
    )
