"""What Alembic runs: the steps of a migration on the connection that it was given."""

from alembic import context

from gateway.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # also in SQLite, whose transactions the database begins itself
)
context.run_migrations()
