"""The connectors of a project and the settings of each."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, PasswordField, SelectChoice, SelectField, StringField
from wtforms.validators import Length

from connector.errors import FieldInvalid
from connector.manifest import AuthorizationCode, Manifest
from connector.models import AppCredentials, Status
from connector.store import connections as connection_store
from connector.web.console.blueprint import PROJECT, blueprint, page, this_project
from connector.web.console.forms import CheckList, Form, plain, stripped
from connector.web.guards import runtime


class SettingsForm(Form):
    """App credentials; a connector has the fields that make sense for its auth modes."""

    client_id = StringField("Client ID", filters=[stripped], validators=[Length(max=500), plain])
    client_secret = PasswordField(
        "Client secret", filters=[stripped], validators=[Length(max=4000)]
    )
    scopes = CheckList("Scopes")
    region = SelectField("Region")
    without_app = BooleanField()


@blueprint.get(PROJECT + "/integrations")
def integrations() -> ResponseReturnValue:
    """List the connectors."""
    shown = []
    with runtime().database.reading() as tx:
        for manifest in runtime().connectors.values():
            counts = connection_store.count_by_status(tx, this_project().id, manifest.name)
            shown.append(
                {
                    "connector": connector_view(manifest),
                    "settings": runtime().apps.settings(tx, this_project().id, manifest.name),
                    "connected": counts.get(Status.CONNECTED.value, 0),
                    "waiting": counts.get(Status.NEEDS_REAUTHORISATION.value, 0),
                }
            )
    return page("integrations.html", integrations=shown)


@blueprint.route(PROJECT + "/integrations/<connector>", methods=["GET", "POST"])
def integration(connector: str) -> ResponseReturnValue:
    """Show and save the settings of one connector."""
    manifest = runtime().apps.connector(connector)
    with runtime().database.reading() as tx:
        stored = runtime().apps.settings(tx, this_project().id, connector)
    form = _form(manifest, stored)
    if form.sent():
        before = _connected(connector)
        try:
            _save(form, manifest, stored)
        except FieldInvalid as error:
            form.put(error)
        else:
            flash(_saved_words(before - _connected(connector)), "success")
            return redirect(url_for("console.integration", connector=connector), 303)
    return page(
        "integration.html",
        status=400 if form.is_submitted() else 200,
        form=form,
        stored=stored,
        manifest=manifest,
        connector=connector_view(manifest),
        scope_notes={one.name: one.description for one in manifest.scopes.available},
        connected=_connected(connector),
        connected_by_app=_connected(connector, by_app=True),
        redirect_uri=runtime().connecting.redirect_uri(connector),
        sandbox=runtime().settings.development_origin,
    )


def connector_view(manifest: Manifest) -> dict[str, str]:
    """Return what pages show of a connector."""
    return {
        "name": manifest.name,
        "title": manifest.title,
        "description": manifest.description,
        "icon_url": f"/integrations/{manifest.name}.svg",
    }


def _form(manifest: Manifest, stored: AppCredentials) -> SettingsForm:
    form = SettingsForm(
        data={
            "client_id": stored.client_id,
            "scopes": list(stored.scopes),
            "region": stored.region,
            "without_app": stored.without_app,
        }
    )
    form.scopes.choices = [SelectChoice(one.name, one.title) for one in manifest.scopes.available]
    form.region.choices = [SelectChoice(name, one.title) for name, one in manifest.regions.items()]
    form.region.description = f"Where the {manifest.title} accounts of your users are kept."
    _label(form, manifest, stored)
    _leave_out(form, manifest)
    return form


def _label(form: SettingsForm, manifest: Manifest, stored: AppCredentials) -> None:
    form.client_id.description = f"Of the app that you registered with {manifest.title}."
    form.client_secret.description = (
        "A secret is stored. Leave this blank to keep it."
        if stored.client_secret_sealed
        else "It is sealed when you save, and never shown again."
    )
    if manifest.authorization_mode():
        form.without_app.label.text = "I have no OAuth app: users connect with their own keys"
        form.without_app.description = f"Requests go to {manifest.title} itself, not the sandbox."
    else:
        form.without_app.label.text = f"Use {manifest.title} itself, not the sandbox"


def _leave_out(form: SettingsForm, manifest: Manifest) -> None:
    """Delete the fields that change nothing for a connector."""
    consents, development = manifest.authorization_mode() is not None, manifest.development
    meant = {
        "client_id": consents,
        "client_secret": consents,
        "scopes": consents and bool(manifest.scopes.available),
        "region": len(manifest.regions) > 1,
        "without_app": _has_key_modes(manifest) and (consents or development is not None),
    }
    for name in (name for name, wanted in meant.items() if not wanted):
        del form[name]


def _save(form: SettingsForm, manifest: Manifest, stored: AppCredentials) -> None:
    values = form.data
    client_id = values.get("client_id") or ""
    without_app = values.get("without_app", manifest.authorization_mode() is None)
    if client_id and without_app:
        raise FieldInvalid(
            "There is a client id, so there is an app. Clear the client id or this box.",
            pointer="/without_app",
        )
    runtime().apps.save(
        this_project().id,
        manifest.name,
        client_id=client_id,
        client_secret=values.get("client_secret") or None,
        scopes=tuple(values.get("scopes", stored.scopes)),
        region=values.get("region", manifest.default_region),
        without_app=without_app,
    )


def _connected(connector: str, *, by_app: bool = False) -> int:
    with runtime().database.reading() as tx:
        counts = connection_store.count_by_status(tx, this_project().id, connector, by_app=by_app)
    return counts.get(Status.CONNECTED.value, 0)


def _saved_words(outdated: int) -> str:
    match outdated:
        case number if number <= 0:
            return "Saved."
        case 1:
            return "Saved. One connected account needs re-authorisation now."
        case _:
            return f"Saved. {outdated} connected accounts need re-authorisation now."


def _has_key_modes(manifest: Manifest) -> bool:
    modes: list[Any] = list(manifest.auth_modes.values())
    return any(not isinstance(mode, AuthorizationCode) for mode in modes)
