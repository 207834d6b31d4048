"""Make a project, and set its name and allowed origins."""

from __future__ import annotations

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from connector.errors import FieldInvalid
from connector.origins import read_origins
from connector.store import projects as project_store
from connector.web.console.blueprint import PROJECT, blueprint, page, this_operator, this_project
from connector.web.console.forms import Form, plain, stripped
from connector.web.guards import runtime


class ProjectForm(Form):
    """Name and allowed origins."""

    name = StringField(
        "Name",
        description="Your users see it when they are asked to connect an account.",
        filters=[stripped],
        validators=[DataRequired("Give the project a name."), Length(max=200), plain],
    )
    origins = TextAreaField(
        "Allowed origins",
        description="One a line, such as https://app.example.com. Pages of these origins may use "
        "the SDK, show the connect portal and take people back after connecting.",
    )

    def read(self) -> tuple[str, tuple[str, ...]]:
        """Return name and origins.

        Raises
        ------
        FieldInvalid
            If an origin is none.

        """
        return self.name.data, read_origins((self.origins.data or "").splitlines())


@blueprint.route("/console/new-project", methods=["GET", "POST"])
def new_project() -> ResponseReturnValue:
    """Make a project of which the operator is a member."""
    form = ProjectForm()
    if form.sent():
        try:
            name, origins = form.read()
        except FieldInvalid as error:
            form.put(error)
        else:
            with runtime().database.transaction() as tx:
                project = project_store.create(tx, name, origins)
                project_store.add_member(tx, project.id, this_operator().id)
            return redirect(url_for("console.overview", project_id=project.id), 303)
    return page("new_project.html", form=form, status=400 if form.is_submitted() else 200)


@blueprint.route(PROJECT + "/settings", methods=["GET", "POST"])
def project_settings() -> ResponseReturnValue:
    """Set name and allowed origins."""
    project = this_project()
    form = ProjectForm(data={"name": project.name, "origins": "\n".join(project.origins)})
    if form.sent():
        try:
            name, origins = form.read()
        except FieldInvalid as error:
            form.put(error)
        else:
            with runtime().database.transaction() as tx:
                project_store.rename(tx, project.id, name, origins)
            flash("Saved.", "success")
            return redirect(url_for("console.project_settings"), 303)
    return page("project_settings.html", form=form, status=400 if form.is_submitted() else 200)
