"""Secrets of projects, and notices."""

from alembic import op
import sqlalchemy as sa


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('project_secrets',
    sa.Column('project_id', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('sealed', sa.Text(), nullable=False),
    sa.Column('created_at', sa.Float(), nullable=False),
    sa.Column('updated_at', sa.Float(), nullable=False),
    sa.ForeignKeyConstraint(['project_id'], ['projects.id'], name=op.f('fk_project_secrets_project_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('project_id', 'name', name=op.f('pk_project_secrets'))
    )
    op.create_table('notice_settings',
    sa.Column('project_id', sa.String(length=64), nullable=False),
    sa.Column('webhook_url', sa.Text(), nullable=True),
    sa.Column('webhook_secret_sealed', sa.Text(), nullable=True),
    sa.Column('emails', sa.JSON(), nullable=False),
    sa.Column('updated_at', sa.Float(), nullable=False),
    sa.ForeignKeyConstraint(['project_id'], ['projects.id'], name=op.f('fk_notice_settings_project_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('project_id', name=op.f('pk_notice_settings'))
    )
    op.create_table('notices_sent',
    sa.Column('project_id', sa.String(length=64), nullable=False),
    sa.Column('subject_hash', sa.String(length=64), nullable=False),
    sa.Column('sent_at', sa.Float(), nullable=False),
    sa.Column('left_out', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['project_id'], ['projects.id'], name=op.f('fk_notices_sent_project_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('project_id', 'subject_hash', name=op.f('pk_notices_sent'))
    )
    with op.batch_alter_table('notices_sent', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_notices_sent_sent_at'), ['sent_at'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('notices_sent', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_notices_sent_sent_at'))

    op.drop_table('notices_sent')
    op.drop_table('notice_settings')
    op.drop_table('project_secrets')
