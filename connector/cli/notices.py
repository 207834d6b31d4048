"""Notices: who is told when something goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from connector.cli.grammar import Group, json_option
from connector.cli.opening import find_project, opened, project_option
from connector.cli.output import show_record, show_rows
from connector.errors import InputError

if TYPE_CHECKING:
    from connector.models import NoticeSettings


@click.group(cls=Group)
def notices() -> None:
    """Say who is told when something goes wrong."""


@notices.command("show", examples=["heapline notices show", "heapline notices show --json"])
@project_option
@json_option
def show(project: str | None, as_json: bool) -> None:
    """Show where a project's notices go."""
    with opened() as runtime:
        found = runtime.notices.settings(find_project(runtime, project).id)
    show_record(_row(found), as_json=as_json)


@notices.command(
    "set",
    examples=[
        "heapline notices set --email ops@acme.example --email you@acme.example",
        "heapline notices set --webhook https://ops.acme.example/notices",
        "heapline notices set --no-email --new-secret",
    ],
)
@project_option
@click.option("--webhook", metavar="URL", help="Where notices are posted, as signed JSON.")
@click.option("--no-webhook", is_flag=True, help="Post them nowhere.")
@click.option("--email", "emails", multiple=True, metavar="ADDRESS", help="Who gets an e-mail.")
@click.option("--no-email", is_flag=True, help="Nobody gets an e-mail.")
@click.option("--new-secret", is_flag=True, help="Sign with a new secret from now on.")
def set_notices(
    project: str | None,
    webhook: str | None,
    no_webhook: bool,
    emails: tuple[str, ...],
    no_email: bool,
    new_secret: bool,
) -> None:
    """Set where a project's notices go. What you leave out stays; addresses are repeatable.

    The secret that notices to a webhook are signed with is printed once, when it is made.
    """
    if (webhook and no_webhook) or (emails and no_email):
        raise InputError("Say either where notices go, or that they go nowhere, not both.")
    with opened() as runtime:
        found = find_project(runtime, project)
        before = runtime.notices.settings(found.id)
        after, secret = runtime.notices.save(
            found.id,
            webhook_url=None if no_webhook else webhook or before.webhook_url,
            emails=() if no_email else emails or before.emails,
            fresh_secret=new_secret,
        )
        cannot_mail = after.emails and not runtime.notices.can_mail
    if secret is not None:
        click.echo(secret)
        click.echo("This is the webhook's secret. It is not shown again.", err=True)
    if cannot_mail:
        click.echo("E-mails need a mail server: set HEAPLINE_SMTP_URL.", err=True)
    click.echo("Try it: heapline notices test", err=True)


@notices.command("test", examples=["heapline notices test"])
@project_option
@json_option
def test(project: str | None, as_json: bool) -> None:
    """Send a test notice. Ends with status 1 when somebody does not get it."""
    with opened() as runtime:
        outcomes = runtime.notices.test(find_project(runtime, project).id)
    rows = [
        {"channel": one.channel, "target": one.target, "problem": one.problem} for one in outcomes
    ]
    show_rows(rows, as_json=as_json, empty="Notices go nowhere yet: heapline notices set")
    if any(one.problem for one in outcomes):
        raise click.exceptions.Exit(1)


def _row(found: NoticeSettings) -> dict[str, Any]:
    return {"webhook": found.webhook_url, "emails": list(found.emails)}
