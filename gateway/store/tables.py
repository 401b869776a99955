"""The tables of the books: `_ms` is milliseconds of the Unix epoch, `_at` those of the call."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()


def _word(name: str, default: str | None = "") -> Column[str]:
    return Column(name, Text, nullable=False, server_default=default)


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default="0")


# One row a process that answers calls; what a dead one left open is closed by another.
gateways = Table(
    "gateways",
    metadata,
    Column("id", Text, primary_key=True),
    _word("host"),
    _count("pid"),
    _word("process"),
    _count("began_ms"),
    _count("seen_ms"),
    Column("ended_ms", BigInteger),
)

calls = Table(
    "calls",
    metadata,
    Column("id", Text, primary_key=True),
    _word("tenant"),
    _word("caller"),
    _word("credential"),  # by which it was let in: the id of a key or a token, never the secret
    _word("via"),
    _word("address"),
    _word("called"),
    _word("gateway"),
    _word("model"),
    _count("began_ms"),
    Column("ended_ms", BigInteger),
    _word("reason"),
    _count("heard_ms"),
    _count("sent_ms"),
    _word("recording"),
    _word("consent"),  # agreed or refused, where the caller was asked
    Column("metadata", JSON, nullable=False),
    Index("calls_by_time", "began_ms", "id"),
    Index("calls_of_tenant", "tenant", "began_ms", "id"),
    Index("calls_of_caller", "tenant", "caller", "began_ms", "id"),
)
OPEN = calls.c.ended_ms.is_(None)
Index("calls_open", calls.c.gateway, sqlite_where=OPEN, postgresql_where=OPEN)

# `said` is the whole sentence, `heard` what of it reached the caller.
turns = Table(
    "turns",
    metadata,
    Column("call_id", Text, nullable=False),
    Column("item_id", Text, nullable=False),
    _word("who"),
    _word("said"),
    _word("heard"),
    _count("began_at"),
    _count("ended_at"),
    Column("cut", Boolean, nullable=False),
    PrimaryKeyConstraint("call_id", "item_id"),
)

tool_calls = Table(
    "tool_calls",
    metadata,
    Column("call_id", Text, nullable=False),
    Column("tool_call_id", Text, nullable=False),
    _word("name"),
    _word("arguments"),
    _word("status"),
    _word("output"),
    _count("began_at"),
    Column("ended_at", BigInteger),
    PrimaryKeyConstraint("call_id", "tool_call_id"),
)

usage = Table(
    "usage",
    metadata,
    Column("call_id", Text, nullable=False),
    Column("response_id", Text, nullable=False),
    _word("tenant"),
    _word("model"),
    _word("status"),
    _count("at"),
    _count("at_ms"),
    *(
        _count(name)
        for name in (
            *("input_text", "input_audio", "cached_text", "cached_audio"),
            *(
                "output_text",
                "output_audio",
                "input_image",
                "cached_image",
                "audio_ms",
                "cost_nano",
            ),
        )
    ),
    PrimaryKeyConstraint("call_id", "response_id"),
    Index("usage_of_tenant", "tenant", "at_ms"),
)

# Append-only: each row has the hash of the one before it in its own.
audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("id", Text, nullable=False),
    _count("at_ms"),
    _word("kind"),
    _word("actor"),
    _word("tenant"),
    _word("detail"),
    _word("previous"),
    _word("hash"),
    UniqueConstraint("id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    _word("hash"),
    _word("tenant"),
    _word("name"),
    _word("scopes"),
    _count("created_ms"),
    Column("expires_ms", BigInteger),
    Column("revoked_ms", BigInteger),
    _word("successor"),
    Index("api_keys_of_tenant", "tenant"),
)

# What operators have given to tenants and, where caller is not empty, to callers; null: what the
# settings say. Each gateway looks for what has changed.
budgets = Table(
    "budgets",
    metadata,
    _word("tenant"),
    _word("caller"),
    *(Column(f"{span}_nano", BigInteger) for span in ("call", "day", "month")),
    _count("change"),
    PrimaryKeyConstraint("tenant", "caller"),
)

# What an operator has ordered to end: each gateway looks for what is new.
stops = Table(
    "stops",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    _count("at_ms"),
    _word("tenant"),  # whose calls; * for everybody's
    _word("kind"),
    _word("target"),
    _word("reason"),
)

# What callers had remembered, and what earlier calls came to. Both are erased with the caller.
notes = Table(
    "notes",
    metadata,
    _word("tenant"),
    _word("caller"),
    _word("topic"),
    _word("note"),
    _count("at_ms"),
    PrimaryKeyConstraint("tenant", "caller", "topic"),
)

summaries = Table(
    "summaries",
    metadata,
    Column("call_id", Text, primary_key=True),
    _word("tenant"),
    _word("caller"),
    _word("text"),
    _word("agreed"),  # sentences of the assistant's that say what is to be
    _count("at_ms"),
    Index("summaries_of_caller", "tenant", "caller", "at_ms"),
)

# Documents to search, one shelf a tenant; its version counts up with each change. Beside
# `passages` stands `passage_words`, an index that the database keeps by triggers.
shelves = Table("shelves", metadata, Column("tenant", Text, primary_key=True), _count("version"))

documents = Table(
    "documents",
    metadata,
    Column("id", Text, primary_key=True),
    _word("tenant"),
    _word("name"),
    _word("kind"),
    _word("origin"),  # the folder that it is kept in step with, or empty
    _word("hash"),
    _count("bytes"),
    _count("passages"),
    _count("added_ms"),
    UniqueConstraint("tenant", "name"),
)

passages = Table(
    "passages",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    _word("document_id"),
    _word("tenant"),
    _word("shelf"),  # the tenant as one word that a search can ask for
    _count("number"),
    _word("heading"),
    _word("place"),
    _word("text"),
    _word("model"),  # whose vector it is
    Column("vector", LargeBinary),  # of unit length, 16 bits each, the lowest byte first
    Index("passages_of_document", "document_id"),
    Index("passages_of_tenant", "tenant", "id"),
)

# Orders to forget a caller. One that is done names the calls alone, for other gateways' files.
erasures = Table(
    "erasures",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    _count("at_ms"),
    _word("tenant"),
    _word("caller"),
    _word("calls", "[]"),
    Column("done", Boolean, nullable=False),
)
