"""Cost: nanodollars beside the tokens, tokens of pictures, seconds of speech written down."""

from alembic import op

from gateway.store.migrations.versions.v0001_books import count

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add four columns."""
    for name in ("input_image", "cached_image", "audio_ms", "cost_nano"):
        op.add_column("usage", count(name))
