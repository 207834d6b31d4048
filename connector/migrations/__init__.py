"""Schema revisions (Alembic), applied by ``connector.database`` when a server starts."""
