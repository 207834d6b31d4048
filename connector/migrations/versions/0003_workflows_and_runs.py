"""Workflows and runs."""

from alembic import op
import sqlalchemy as sa


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('workers',
    sa.Column('id', sa.String(length=64), nullable=False),
    sa.Column('host', sa.String(length=255), nullable=False),
    sa.Column('pid', sa.Integer(), nullable=False),
    sa.Column('slots', sa.Integer(), nullable=False),
    sa.Column('started_at', sa.Float(), nullable=False),
    sa.Column('beat_at', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_workers'))
    )
    op.create_table('workflows',
    sa.Column('id', sa.String(length=64), nullable=False),
    sa.Column('project_id', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('draft', sa.String(length=64), nullable=True),
    sa.Column('deployed', sa.String(length=64), nullable=True),
    sa.Column('created_at', sa.Float(), nullable=False),
    sa.Column('updated_at', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_workflows')),
    sa.UniqueConstraint('project_id', 'name', name='uq_workflows_name')
    )
    op.create_table('runs',
    sa.Column('id', sa.String(length=64), nullable=False),
    sa.Column('project_id', sa.String(length=64), nullable=False),
    sa.Column('workflow_id', sa.String(length=64), nullable=False),
    sa.Column('version', sa.String(length=64), nullable=False),
    sa.Column('user', sa.String(length=255), nullable=False),
    sa.Column('connection_id', sa.String(length=64), nullable=False),
    sa.Column('trigger_type', sa.String(length=32), nullable=False),
    sa.Column('trigger', sa.Text(), nullable=False),
    sa.Column('context', sa.Text(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('reason', sa.String(length=64), nullable=True),
    sa.Column('detail', sa.Text(), nullable=True),
    sa.Column('ready', sa.Boolean(), nullable=False),
    sa.Column('order_key', sa.String(length=64), nullable=True),
    sa.Column('dedupe_key', sa.String(length=64), nullable=True),
    sa.Column('due_at', sa.Float(), nullable=True),
    sa.Column('created_at', sa.Float(), nullable=False),
    sa.Column('started_at', sa.Float(), nullable=True),
    sa.Column('finished_at', sa.Float(), nullable=True),
    sa.Column('claim', sa.Integer(), nullable=False),
    sa.Column('worker_id', sa.String(length=64), nullable=True),
    sa.Column('interruptions', sa.Integer(), nullable=False),
    sa.Column('round', sa.Integer(), nullable=False),
    sa.Column('cancel_requested', sa.Boolean(), nullable=False),
    sa.Column('response', sa.Text(), nullable=True),
    sa.Column('output', sa.Text(), nullable=True),
    sa.Column('replay_of', sa.String(length=64), nullable=True),
    sa.Column('parent_id', sa.String(length=64), nullable=True),
    sa.Column('depth', sa.Integer(), nullable=False),
    sa.Column('is_test', sa.Boolean(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['workflow_id'], ['workflows.id'], name=op.f('fk_runs_workflow_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_runs')),
    sa.UniqueConstraint('workflow_id', 'dedupe_key', name='uq_runs_dedupe_key')
    )
    with op.batch_alter_table('runs', schema=None) as batch_op:
        batch_op.create_index('ix_runs_parked', ['project_id', 'user'], unique=False, sqlite_where=sa.text("state = 'waiting'"), postgresql_where=sa.text("state = 'waiting'"))
        batch_op.create_index('ix_runs_held', ['worker_id'], unique=False, sqlite_where=sa.text("state = 'running'"), postgresql_where=sa.text("state = 'running'"))
        batch_op.create_index('ix_runs_ordered', ['project_id', 'order_key', 'id'], unique=False, sqlite_where=sa.text("state IN ('queued', 'running', 'waiting')"), postgresql_where=sa.text("state IN ('queued', 'running', 'waiting')"))
        batch_op.create_index('ix_runs_parent', ['parent_id'], unique=False, sqlite_where=sa.text('parent_id IS NOT NULL'), postgresql_where=sa.text('parent_id IS NOT NULL'))
        batch_op.create_index('ix_runs_project', ['project_id', 'id'], unique=False)
        batch_op.create_index('ix_runs_queued', ['state', 'project_id', 'connection_id', 'id'], unique=False, sqlite_where=sa.text("state = 'queued' AND ready"), postgresql_where=sa.text("state = 'queued' AND ready"))
        batch_op.create_index('ix_runs_running', ['project_id', 'connection_id'], unique=False, sqlite_where=sa.text("state = 'running'"), postgresql_where=sa.text("state = 'running'"))
        batch_op.create_index('ix_runs_size', ['project_id', 'size'], unique=False)
        batch_op.create_index('ix_runs_state', ['project_id', 'state', 'id'], unique=False)
        batch_op.create_index('ix_runs_user', ['project_id', 'user', 'id'], unique=False)
        batch_op.create_index('ix_runs_waiting', ['due_at'], unique=False, sqlite_where=sa.text("state = 'waiting'"), postgresql_where=sa.text("state = 'waiting'"))
        batch_op.create_index('ix_runs_workflow', ['workflow_id', 'id'], unique=False)

    op.create_table('workflow_deployments',
    sa.Column('id', sa.Integer(), autoincrement=True, nullable=False),
    sa.Column('workflow_id', sa.String(length=64), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=True),
    sa.Column('deployed_by', sa.String(length=255), nullable=False),
    sa.Column('deployed_at', sa.Float(), nullable=False),
    sa.ForeignKeyConstraint(['workflow_id'], ['workflows.id'], name=op.f('fk_workflow_deployments_workflow_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_workflow_deployments'))
    )
    with op.batch_alter_table('workflow_deployments', schema=None) as batch_op:
        batch_op.create_index('ix_workflow_deployments_workflow_id', ['workflow_id'], unique=False)

    op.create_table('workflow_users',
    sa.Column('workflow_id', sa.String(length=64), nullable=False),
    sa.Column('user', sa.String(length=255), nullable=False),
    sa.Column('project_id', sa.String(length=64), nullable=False),
    sa.Column('enabled', sa.Boolean(), nullable=False),
    sa.Column('settings', sa.Text(), nullable=False),
    sa.Column('next_at', sa.Float(), nullable=True),
    sa.Column('updated_at', sa.Float(), nullable=False),
    sa.ForeignKeyConstraint(['workflow_id'], ['workflows.id'], name=op.f('fk_workflow_users_workflow_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('workflow_id', 'user', name=op.f('pk_workflow_users'))
    )
    with op.batch_alter_table('workflow_users', schema=None) as batch_op:
        batch_op.create_index('ix_workflow_users_next_at', ['next_at'], unique=False)
        batch_op.create_index('ix_workflow_users_user', ['project_id', 'user'], unique=False)

    op.create_table('workflow_versions',
    sa.Column('workflow_id', sa.String(length=64), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('document', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=True),
    sa.Column('created_at', sa.Float(), nullable=False),
    sa.ForeignKeyConstraint(['workflow_id'], ['workflows.id'], name=op.f('fk_workflow_versions_workflow_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('workflow_id', 'hash', name=op.f('pk_workflow_versions')),
    sa.UniqueConstraint('workflow_id', 'number', name='uq_workflow_versions_number')
    )
    op.create_table('attempts',
    sa.Column('run_id', sa.String(length=64), nullable=False),
    sa.Column('path', sa.String(length=512), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('round', sa.Integer(), nullable=False),
    sa.Column('claim', sa.Integer(), nullable=False),
    sa.Column('step_type', sa.String(length=32), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('input', sa.Text(), nullable=True),
    sa.Column('output', sa.Text(), nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('started_at', sa.Float(), nullable=False),
    sa.Column('finished_at', sa.Float(), nullable=True),
    sa.ForeignKeyConstraint(['run_id'], ['runs.id'], name=op.f('fk_attempts_run_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('run_id', 'path', 'number', name=op.f('pk_attempts'))
    )


def downgrade() -> None:
    op.drop_table('attempts')
    op.drop_table('workflow_versions')
    with op.batch_alter_table('workflow_users', schema=None) as batch_op:
        batch_op.drop_index('ix_workflow_users_user')
        batch_op.drop_index('ix_workflow_users_next_at')

    op.drop_table('workflow_users')
    with op.batch_alter_table('workflow_deployments', schema=None) as batch_op:
        batch_op.drop_index('ix_workflow_deployments_workflow_id')

    op.drop_table('workflow_deployments')
    with op.batch_alter_table('runs', schema=None) as batch_op:
        batch_op.drop_index('ix_runs_workflow')
        batch_op.drop_index('ix_runs_waiting', sqlite_where=sa.text("state = 'waiting'"), postgresql_where=sa.text("state = 'waiting'"))
        batch_op.drop_index('ix_runs_user')
        batch_op.drop_index('ix_runs_state')
        batch_op.drop_index('ix_runs_size')
        batch_op.drop_index('ix_runs_running', sqlite_where=sa.text("state = 'running'"), postgresql_where=sa.text("state = 'running'"))
        batch_op.drop_index('ix_runs_queued', sqlite_where=sa.text("state = 'queued' AND ready"), postgresql_where=sa.text("state = 'queued' AND ready"))
        batch_op.drop_index('ix_runs_project')
        batch_op.drop_index('ix_runs_parent', sqlite_where=sa.text('parent_id IS NOT NULL'), postgresql_where=sa.text('parent_id IS NOT NULL'))
        batch_op.drop_index('ix_runs_ordered', sqlite_where=sa.text("state IN ('queued', 'running', 'waiting')"), postgresql_where=sa.text("state IN ('queued', 'running', 'waiting')"))
        batch_op.drop_index('ix_runs_held', sqlite_where=sa.text("state = 'running'"), postgresql_where=sa.text("state = 'running'"))
        batch_op.drop_index('ix_runs_parked', sqlite_where=sa.text("state = 'waiting'"), postgresql_where=sa.text("state = 'waiting'"))

    op.drop_table('runs')
    op.drop_table('workflows')
    op.drop_table('workers')
