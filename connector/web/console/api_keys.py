"""API keys: what the operator's servers call our own API with."""

from __future__ import annotations

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectChoice, StringField
from wtforms.validators import DataRequired, Length

from connector.access import SCOPES
from connector.errors import FieldInvalid, NotFound
from connector.store import keys as key_store
from connector.web.console.blueprint import PROJECT, blueprint, page, this_project
from connector.web.console.forms import CheckList, Form, plain, stripped
from connector.web.guards import runtime


class ApiKeyForm(Form):
    """An API key's name and what it may do."""

    name = StringField(
        "Name",
        description="For you to tell keys apart, such as the server that uses it.",
        filters=[stripped],
        validators=[DataRequired("Give the key a name."), Length(max=200), plain],
    )
    scopes = CheckList(
        "What it may do",
        choices=[SelectChoice(name, words) for name, words in SCOPES.items()],
        validators=[DataRequired("Choose at least one.")],
    )


@blueprint.get(PROJECT + "/api-keys")
def api_keys() -> ResponseReturnValue:
    """List the keys."""
    return _page(ApiKeyForm(formdata=None))


@blueprint.post(PROJECT + "/api-keys")
def make_api_key() -> ResponseReturnValue:
    """Make a key and show its text once."""
    form = ApiKeyForm()
    if not form.sent():
        return _page(form, status=400)
    try:
        key, text = runtime().access.new_api_key(
            this_project().id, form.name.data, tuple(form.scopes.data)
        )
    except FieldInvalid as error:
        form.put(error)
        return _page(form, status=400)
    return _page(ApiKeyForm(formdata=None), made=key.name, text=text)


@blueprint.post(PROJECT + "/api-keys/<key_id>/revoke")
def revoke_api_key(key_id: str) -> ResponseReturnValue:
    """Refuse a key from now on."""
    with runtime().database.transaction() as tx:
        known = {key.id for key in key_store.api_keys_of(tx, this_project().id)}
        if key_id not in known:
            raise NotFound
        key_store.revoke_api_key(tx, this_project().id, key_id)
    flash("The key is revoked. It is refused from now on.", "success")
    return redirect(url_for("console.api_keys"), 303)


def _page(
    form: ApiKeyForm, *, status: int = 200, made: str = "", text: str = ""
) -> ResponseReturnValue:
    with runtime().database.reading() as tx:
        keys = key_store.api_keys_of(tx, this_project().id)
    return page("api_keys.html", status=status, form=form, keys=keys, made=made, text=text)
