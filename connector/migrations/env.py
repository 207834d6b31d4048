"""Alembic's entry: run on the connection that the caller opened."""

from alembic import context

from connector.tables import metadata
from workflow.tables import metadata as workflow_metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=[metadata, workflow_metadata],
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
