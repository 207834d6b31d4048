"""What a product needs to use a project: its id, origins, signing keys and code to copy."""

from __future__ import annotations

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from connector import tokens
from connector.errors import FieldInvalid, NotFound
from connector.store import keys as key_store
from connector.web.console import snippets
from connector.web.console.blueprint import PROJECT, blueprint, page, this_project
from connector.web.console.forms import Form, plain, stripped
from connector.web.guards import runtime


class SigningKeyForm(Form):
    """A signing key's name, and its public half if it was made elsewhere."""

    name = StringField(
        "Name",
        description="For you to tell keys apart, such as Production or Staging.",
        filters=[stripped],
        validators=[DataRequired("Give the key a name."), Length(max=200), plain],
    )
    public_key = TextAreaField(
        "Your own public key",
        description="RSA of at least 2048 bits, as PEM text. Leave this blank to have a key pair "
        "made here.",
        filters=[stripped],
        validators=[Length(max=20_000)],
    )

    def forget_private_key(self) -> None:
        """Clear a private key that was pasted by mistake, so that the page does not repeat it."""
        if "PRIVATE KEY" in (self.public_key.data or ""):
            self.public_key.data = ""


@blueprint.get(PROJECT + "/sdk")
def sdk() -> ResponseReturnValue:
    """Show what a product needs."""
    project, url = this_project(), runtime().settings.public_url
    with runtime().database.reading() as tx:
        keys = key_store.signing_keys_of(tx, project.id)
    # The first connector stands for all: the code is the same for every one.
    manifest = next(iter(runtime().connectors.values()))
    return page(
        "sdk.html",
        keys=keys,
        public_url=url,
        javascript=snippets.javascript(url, project.id, manifest),
        python=snippets.python(url, project.id, manifest),
    )


@blueprint.route(PROJECT + "/signing-keys/new", methods=["GET", "POST"])
def new_signing_key() -> ResponseReturnValue:
    """Make a key pair and show its private half once, or register a public key."""
    form = SigningKeyForm()
    if form.sent():
        try:
            return _add_key(form.name.data, form.public_key.data or "")
        except FieldInvalid as error:
            form.put(error)
            form.forget_private_key()
    return page("new_signing_key.html", form=form, status=400 if form.is_submitted() else 200)


@blueprint.post(PROJECT + "/signing-keys/<key_id>/revoke")
def revoke_signing_key(key_id: str) -> ResponseReturnValue:
    """Refuse user tokens that were signed with a key from now on."""
    with runtime().database.transaction() as tx:
        known = {key.id for key in key_store.signing_keys_of(tx, this_project().id)}
        if key_id not in known:
            raise NotFound
        key_store.revoke_signing_key(tx, this_project().id, key_id)
    flash("The key is revoked. Tokens signed with it are refused from now on.", "success")
    return redirect(url_for("console.sdk", _anchor="signing-keys"), 303)


def _add_key(name: str, given: str) -> ResponseReturnValue:
    private_pem = None
    if given:
        public_pem = tokens.read_public_key(given)
    else:
        private_pem, public_pem = tokens.new_signing_key()
    with runtime().database.transaction() as tx:
        key_store.add_signing_key(tx, this_project().id, name, public_pem)
    if private_pem is not None:
        return page("signing_key_made.html", name=name, private_pem=private_pem)
    flash(f"The key {name} is registered.", "success")
    return redirect(url_for("console.sdk", _anchor="signing-keys"), 303)
