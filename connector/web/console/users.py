"""The connected users of a project: the list, and the page of each."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField
from wtforms.validators import DataRequired

from connector.models import Status, User
from connector.sdk_protocol import account_label
from connector.store import connections as connection_store
from connector.store import requests as request_store
from connector.store import users as user_store
from connector.web.console.blueprint import PROJECT, blueprint, page, this_project
from connector.web.console.forms import Form, stripped
from connector.web.console.lookup import find_connection, find_user
from connector.web.guards import runtime

_LAST_REQUESTS = 8


class DeleteForm(Form):
    """The user's id, typed to confirm."""

    confirmation = StringField(
        "User id",
        description="Type the user's id to confirm.",
        filters=[stripped],
        validators=[DataRequired("Type the user's id.")],
    )


@blueprint.get(PROJECT + "/users")
def users() -> ResponseReturnValue:
    """List users, by id or account and by status."""
    search, status = request.args.get("search", "").strip(), request.args.get("status", "")
    after = request.args.get("after")
    project_id = this_project().id
    with runtime().database.reading() as tx:
        total = user_store.count(tx, project_id)
        found = user_store.page(
            tx,
            project_id,
            search=search,
            status=status if status in set(Status) else None,
            after=after,
            limit=user_store.PAGE + 1,
        )
        shown = found[: user_store.PAGE]
        connections = connection_store.of_users(tx, project_id, [one.id for one in shown])
    return page(
        "users.html",
        rows=[(one, [each for each in connections if each.user_id == one.id]) for one in shown],
        next_after=shown[-1].external_id if len(found) > len(shown) else None,
        search=search,
        status_wanted=status,
        statuses=list(Status),
        after=after,
        total=total,
        label_of=account_label,
        manifests=runtime().connectors,
    )


@blueprint.get(PROJECT + "/users/<user_id>")
def user(user_id: str) -> ResponseReturnValue:
    """Show a user's accounts and last requests."""
    return _user_page(find_user(user_id), DeleteForm(formdata=None))


@blueprint.post(PROJECT + "/users/<user_id>/connections/<connection_id>/disconnect")
def disconnect(user_id: str, connection_id: str) -> ResponseReturnValue:
    """End a connection of a user."""
    connection = find_connection(find_user(user_id), connection_id)
    runtime().connections.disconnect(
        this_project().id, connection.id, "Disconnected by an operator."
    )
    flash(f"The account {account_label(connection)} is disconnected.", "success")
    return redirect(url_for("console.user", user_id=user_id), 303)


@blueprint.post(PROJECT + "/users/<user_id>/delete")
def delete_user(user_id: str) -> ResponseReturnValue:
    """Delete a user and everything of theirs, once their id was typed."""
    found = find_user(user_id)
    form = DeleteForm()
    if not form.sent():
        return _user_page(found, form, 400)
    if form.confirmation.data != found.external_id.strip():
        form.confirmation.errors = ["This is not the user's id. Nothing was deleted."]
        return _user_page(found, form, 400)
    runtime().connections.delete_user(this_project().id, found.external_id)
    flash(f"{found.external_id} and everything of theirs is deleted.", "success")
    return redirect(url_for("console.users"), 303)


def _user_page(user: User, form: DeleteForm, status: int = 200) -> ResponseReturnValue:
    with runtime().database.reading() as tx:
        connections = connection_store.of_user(tx, user.project_id, user.id)
        requests = request_store.page(
            tx, user.project_id, user=user.external_id, limit=_LAST_REQUESTS
        )
    return page(
        "user.html",
        status=status,
        user=user,
        connections=connections,
        manifests=runtime().connectors,
        requests=requests,
        form=form,
        label_of=account_label,
    )
