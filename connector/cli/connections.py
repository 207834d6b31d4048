"""Connections: your users' connected accounts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from connector.cli.grammar import Group, json_option
from connector.cli.opening import (
    connector_option,
    find_connector,
    find_project,
    opened,
    project_option,
)
from connector.cli.output import moment, show_record, show_rows
from connector.errors import NotFound

if TYPE_CHECKING:
    from connector.models import Connection, Project
    from connector.runtime import Runtime

_PAGE = 200
_STATUSES = ("connected", "needs_reauthorisation", "disconnected")


@click.group(cls=Group)
def connections() -> None:
    """List and end connections, make connect links."""


@connections.command(
    "list",
    examples=[
        "heapline connections list",
        "heapline connections list --user alice",
        "heapline connections list --status needs_reauthorisation --json",
    ],
)
@project_option
@click.option("--user", help="Only those of this user.")
@click.option("--connector", metavar="CONNECTOR", help="Only those on this connector.")
@click.option("--status", type=click.Choice(_STATUSES), help="Only those of this status.")
@json_option
def list_connections(
    project: str | None, user: str | None, connector: str | None, status: str | None, as_json: bool
) -> None:
    """List a project's connections, oldest first."""
    with opened() as runtime:
        found = find_project(runtime, project)
        rows = [
            _row(connection, owner)
            for connection, owner in _every(
                runtime, found.id, user=user, connector=connector, status=status
            )
        ]
    show_rows(rows, as_json=as_json, empty="There is no such connection.")


@connections.command("show", examples=["heapline connections show CONNECTION_ID"])
@click.argument("connection_id")
@project_option
@json_option
def show(connection_id: str, project: str | None, as_json: bool) -> None:
    """Show everything about a connection but its secret."""
    with opened() as runtime:
        found = find_project(runtime, project)
        connection = _get(runtime, found, connection_id)
        owner = _owner(runtime, connection)
    show_record(_row(connection, owner) | _details(connection), as_json=as_json)


@connections.command(
    "link",
    examples=[
        "heapline connections link --user alice",
        "heapline connections link --user alice --return-url https://notes.acme.example/done",
        "heapline connections link --user alice --renew CONNECTION_ID",
    ],
)
@project_option
@connector_option
@click.option("--user", required=True, help="Your product's id of the user.")
@click.option("--return-url", help="Where the person goes afterwards, on an allowed origin.")
@click.option("--renew", metavar="CONNECTION_ID", help="Authorise this connection again.")
@json_option
def link(
    project: str | None,
    connector: str | None,
    user: str,
    return_url: str | None,
    renew: str | None,
    as_json: bool,
) -> None:
    """Make a link by which a user connects an account. It works once, for ten minutes."""
    from connector.connect_sessions import Wish

    with opened() as runtime:
        wish = Wish(
            connector=find_connector(runtime, connector),
            return_url=return_url,
            reconnect_id=renew,
        )
        session, secret = runtime.connect_sessions.start(find_project(runtime, project), user, wish)
        url = f"{runtime.settings.public_url}/connect/link/{secret}"
    if as_json:
        show_record({"url": url, "expires_at": moment(session.expires_at)}, as_json=True)
    else:
        click.echo(url)


@connections.command("disconnect", examples=["heapline connections disconnect CONNECTION_ID"])
@click.argument("connection_id")
@project_option
def disconnect(connection_id: str, project: str | None) -> None:
    """End a connection and forget its secret. Its id comes back with the same account."""
    with opened() as runtime:
        found = find_project(runtime, project)
        _get(runtime, found, connection_id)
        runtime.connections.disconnect(found.id, connection_id, "Disconnected by an operator.")
    click.echo(f"Disconnected {connection_id}.")


@connections.command("delete-user", examples=["heapline connections delete-user alice --yes"])
@click.argument("user")
@project_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete_user(user: str, project: str | None, yes: bool) -> None:
    """Delete a user with their connections, settings and request log."""
    with opened() as runtime:
        found = find_project(runtime, project)
        _require_user(runtime, found, user)
        if not yes:
            click.confirm(f"Delete {user!r} of {found.name} and everything of theirs?", abort=True)
        runtime.connections.delete_user(found.id, user)
    click.echo(f"Deleted {user}.")


def _get(runtime: Runtime, project: Project, connection_id: str) -> Connection:
    try:
        return runtime.connections.get(project.id, connection_id)
    except NotFound as error:
        raise NotFound(
            f"{project.name} has no connection {connection_id!r}. See: heapline connections list"
        ) from error


def _require_user(runtime: Runtime, project: Project, user: str) -> None:
    try:
        runtime.connections.of_user(project.id, user)
    except NotFound as error:
        raise NotFound(f"{project.name} has no user {user!r}.") from error


def _every(
    runtime: Runtime, project_id: str, **filters: str | None
) -> Iterator[tuple[Connection, str]]:
    from connector.store import connections as store

    after: tuple[float, str] | None = None
    while True:
        with runtime.database.reading() as tx:
            page = store.page(tx, project_id, **filters, after=after, limit=_PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        after = (page[-1][0].created_at, page[-1][0].id)


def _owner(runtime: Runtime, connection: Connection) -> str:
    from connector.store import users as store

    with runtime.database.reading() as tx:
        user = store.find_by_id(tx, connection.project_id, connection.user_id)
    return user.external_id if user else ""


def _row(connection: Connection, owner: str) -> dict[str, Any]:
    return {
        "id": connection.id,
        "user": owner,
        "connector": connection.connector,
        "account_key": connection.account_key,
        "status": connection.status.value,
        "status_at": moment(connection.status_at),
    }


def _details(connection: Connection) -> dict[str, Any]:
    return {
        "status_reason": connection.status_reason,
        "account": dict(connection.account),
        "auth_mode": connection.auth_mode,
        "region": connection.region,
        "scopes": list(connection.scopes),
        "external_id": connection.external_id,
        "development": connection.development,
        "created_at": moment(connection.created_at),
    }
