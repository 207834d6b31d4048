"""Where a project's notices go, and when one of each subject was sent last."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from connector.database import Transaction
from connector.models import NoticeSettings
from connector.tables import notice_settings, notices_sent


def settings(tx: Transaction, project_id: str) -> NoticeSettings:
    """Return what a project set, or the blank settings that mean nowhere."""
    row = tx.execute(
        select(notice_settings).where(notice_settings.c.project_id == project_id)
    ).first()
    if row is None:
        return NoticeSettings(project_id=project_id)
    return NoticeSettings(**{**row._mapping, "emails": tuple(row.emails)})


def save(
    tx: Transaction,
    project_id: str,
    *,
    webhook_url: str | None,
    webhook_secret_sealed: str | None,
    emails: Sequence[str],
) -> None:
    """Insert or replace what a project set."""
    tx.execute(delete(notice_settings).where(notice_settings.c.project_id == project_id))
    tx.execute(
        insert(notice_settings).values(
            project_id=project_id,
            webhook_url=webhook_url,
            webhook_secret_sealed=webhook_secret_sealed,
            emails=list(emails),
            updated_at=time.time(),
        )
    )


def claim(
    tx: Transaction, project_id: str, subject_hash: str, *, now: float, apart: float, alike: int
) -> int | None:
    """Take the right to send a notice, or count it among those left out.

    Returns how many were left out since the last one, or nothing when that was sent less than
    ``apart`` seconds ago. ``alike`` are all that the caller holds of this subject.
    """
    key = {"project_id": project_id, "subject_hash": subject_hash}
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    first = dialect.insert(notices_sent).values(**key, sent_at=0.0, left_out=0)
    # Two processes with the same news: both find a row, and the second waits for the first.
    tx.execute(first.on_conflict_do_nothing())
    this = (notices_sent.c.project_id == project_id) & (notices_sent.c.subject_hash == subject_hash)
    row = tx.execute(select(notices_sent).where(this).with_for_update()).one()
    # Either way: clocks differ between machines, and this one waited for its turn.
    if abs(now - row.sent_at) < apart:
        tx.execute(update(notices_sent).where(this).values(left_out=row.left_out + alike))
        return None
    tx.execute(update(notices_sent).where(this).values(sent_at=now, left_out=alike - 1))
    return int(row.left_out)


def forget(tx: Transaction, sent_before: float) -> None:
    """Delete what is kept of subjects that were sent last before a time."""
    tx.execute(delete(notices_sent).where(notices_sent.c.sent_at < sent_before))
