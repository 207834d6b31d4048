"""Make links by which a user connects an account, or authorises one again."""

from __future__ import annotations

from flask import request, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectChoice, SelectField, StringField
from wtforms.validators import DataRequired

from connector.connect_sessions import Wish
from connector.errors import FieldInvalid
from connector.web.console.blueprint import PROJECT, blueprint, page, this_project
from connector.web.console.forms import Form, stripped
from connector.web.console.lookup import find_connection, find_user
from connector.web.guards import runtime


class LinkForm(Form):
    """Whose account of which connector is to be connected."""

    user = StringField(
        "User id",
        description="What your product knows the user by: the sub of the tokens that it signs. "
        "A new user is made when there is none of that id.",
        filters=[stripped],
        validators=[DataRequired("Fill in the user's id.")],
    )
    connector = SelectField("Integration")


@blueprint.route(PROJECT + "/connect-links/new", methods=["GET", "POST"])
def new_connect_link() -> ResponseReturnValue:
    """Make a link for a user by id, who may be new."""
    form = LinkForm(data={"user": request.args.get("user", "")})
    form.connector.choices = [
        SelectChoice(one.name, one.title) for one in runtime().connectors.values()
    ]
    if form.sent():
        wish = Wish(connector=form.connector.data, allow_multiple=True)
        try:
            return _link_page(form.user.data, wish)
        except FieldInvalid as error:
            form.put(error)
    return page("new_connect_link.html", form=form, status=400 if form.is_submitted() else 200)


@blueprint.post(PROJECT + "/users/<user_id>/connections/<connection_id>/link")
def renew(user_id: str, connection_id: str) -> ResponseReturnValue:
    """Make a link by which a user authorises an account again."""
    user = find_user(user_id)
    connection = find_connection(user, connection_id)
    wish = Wish(connector=connection.connector, reconnect_id=connection.id, allow_multiple=True)
    return _link_page(user.external_id, wish)


def _link_page(user: str, wish: Wish) -> ResponseReturnValue:
    session, link = runtime().connect_sessions.start(this_project(), user, wish)
    return page(
        "connect_link.html",
        user=user,
        user_id=session.user_id,
        connector=runtime().apps.connector(wish.connector),
        again=wish.reconnect_id is not None,
        url=runtime().settings.public_url + url_for("connect.start", link=link),
        expires_at=session.expires_at,
    )
