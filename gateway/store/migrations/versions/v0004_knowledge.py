"""Knowledge: what callers said in earlier calls, and documents with an index of their words."""

import sqlalchemy as sa
from alembic import op

from gateway.store.migrations.versions.v0001_books import count, word

revision = "0004"
down_revision = "0003"

# The index follows the passages by triggers, so that neither is ever ahead of the other.
SQLITE = (
    "CREATE VIRTUAL TABLE passage_words USING fts5(shelf, heading, text, content='passages', "
    "content_rowid='id', tokenize='porter unicode61 remove_diacritics 2')",
    "CREATE TRIGGER passage_added AFTER INSERT ON passages BEGIN INSERT INTO passage_words"
    "(rowid, shelf, heading, text) VALUES (new.id, new.shelf, new.heading, new.text); END",
    "CREATE TRIGGER passage_dropped AFTER DELETE ON passages BEGIN INSERT INTO passage_words"
    "(passage_words, rowid, shelf, heading, text) "
    "VALUES ('delete', old.id, old.shelf, old.heading, old.text); END",
)
POSTGRESQL = (
    "CREATE TABLE passage_words (id bigint PRIMARY KEY REFERENCES passages ON DELETE CASCADE, "
    "shelf text NOT NULL, words tsvector NOT NULL)",
    "CREATE INDEX passage_words_by_word ON passage_words USING gin (words) WITH (fastupdate = off)",
    "CREATE FUNCTION passage_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "INSERT INTO passage_words VALUES (new.id, new.shelf, "
    "setweight(to_tsvector('english', new.heading), 'A') || "
    "setweight(to_tsvector('english', new.text), 'C')); RETURN new; END $$",
    "CREATE TRIGGER passage_added AFTER INSERT ON passages "
    "FOR EACH ROW EXECUTE FUNCTION passage_added()",
)


def upgrade() -> None:
    """Add the five tables, and the index of words."""
    _memory()
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table("shelves", sa.Column("tenant", sa.Text(), primary_key=True), count("version"))
    op.create_table(
        "documents",
        sa.Column("id", sa.Text(), primary_key=True),
        *(word("tenant"), word("name"), word("kind"), word("origin"), word("hash")),
        *(count("bytes"), count("passages"), count("added_ms")),
        sa.UniqueConstraint("tenant", "name"),
    )
    op.create_table(
        "passages",
        sa.Column("id", number, primary_key=True),
        *(word("document_id"), word("tenant"), word("shelf"), count("number")),
        *(word("heading"), word("place"), word("text"), word("model")),
        sa.Column("vector", sa.LargeBinary()),
    )
    op.create_index("passages_of_document", "passages", ["document_id"])
    op.create_index("passages_of_tenant", "passages", ["tenant", "id"])
    dialect = op.get_bind().dialect.name
    for order in SQLITE if dialect == "sqlite" else POSTGRESQL:
        op.execute(order)


def _memory() -> None:
    op.create_table(
        "notes",
        *(word("tenant"), word("caller"), word("topic"), word("note"), count("at_ms")),
        sa.PrimaryKeyConstraint("tenant", "caller", "topic"),
    )
    op.create_table(
        "summaries",
        sa.Column("call_id", sa.Text(), primary_key=True),
        *(word("tenant"), word("caller"), word("text"), word("agreed"), count("at_ms")),
    )
    op.create_index("summaries_of_caller", "summaries", ["tenant", "caller", "at_ms"])
