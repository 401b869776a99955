"""The books: gateways, calls, turns, tool calls, usage."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TOKENS = (
    *("input_text", "input_audio", "cached_text", "cached_audio"),
    *("output_text", "output_audio"),
)


def word(name: str) -> sa.Column[str]:
    """A text that is never missing."""
    return sa.Column(name, sa.Text(), nullable=False, server_default="")


def count(name: str) -> sa.Column[int]:
    """A number that is never missing."""
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")


def upgrade() -> None:
    """From nothing to this."""
    op.create_table(
        "gateways",
        sa.Column("id", sa.Text(), primary_key=True),
        *(word("host"), count("pid"), word("process"), count("began_ms"), count("seen_ms")),
        sa.Column("ended_ms", sa.BigInteger()),
    )
    _calls()
    op.create_table(
        "turns",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        *(word("who"), word("said"), word("heard"), count("began_at"), count("ended_at")),
        sa.Column("cut", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", "item_id"),
    )
    op.create_table(
        "tool_calls",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("tool_call_id", sa.Text(), nullable=False),
        *(word("name"), word("arguments"), word("status"), word("output"), count("began_at")),
        sa.Column("ended_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("call_id", "tool_call_id"),
    )
    op.create_table(
        "usage",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("response_id", sa.Text(), nullable=False),
        *(word("tenant"), word("model"), word("status"), count("at"), count("at_ms")),
        *(count(name) for name in TOKENS),
        sa.PrimaryKeyConstraint("call_id", "response_id"),
    )
    op.create_index("usage_of_tenant", "usage", ["tenant", "at_ms"])


def _calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.Text(), primary_key=True),
        *(word("tenant"), word("caller"), word("credential"), word("via"), word("address")),
        *(word("called"), word("gateway"), word("model"), count("began_ms")),
        sa.Column("ended_ms", sa.BigInteger()),
        *(word("reason"), count("heard_ms"), count("sent_ms"), word("recording")),
        sa.Column("metadata", sa.JSON(), nullable=False),
    )
    op.create_index("calls_by_time", "calls", ["began_ms", "id"])
    op.create_index("calls_of_tenant", "calls", ["tenant", "began_ms", "id"])
    op.create_index("calls_of_caller", "calls", ["tenant", "caller", "began_ms", "id"])
    still_open = sa.text("ended_ms IS NULL")
    op.create_index(
        "calls_open", "calls", ["gateway"], sqlite_where=still_open, postgresql_where=still_open
    )
