"""Operators of the tests: the console as a person has it, page by page, form by form."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from connector.models import Operator, Project
from connector.runtime import Runtime
from connector.store import projects as project_store

PASSWORD = "correct horse battery staple"
_VOID = {"br", "img", "input", "link", "meta", "hr"}
_BLOCKS = {"dd", "div", "dt", "h1", "h2", "h3", "li", "option", "p", "td", "th"}


class Page(HTMLParser):
    """An answer of the console, read as HTML."""

    def __init__(self, answer: TestResponse) -> None:
        super().__init__()
        self.answer = answer
        self.status = answer.status_code
        self.html = answer.get_data(as_text=True)
        self._texts: dict[str, str] = {}
        self._attributes: dict[str, dict[str, str | None]] = {}
        self._open: list[str | None] = []
        self._controls: list[dict[str, str | None]] = []
        self.feed(self.html)

    @property
    def text(self) -> str:
        """All text that a person reads, blanks made one."""
        return " ".join(self._texts.get("", "").split())

    @property
    def csrf(self) -> str:
        """The token that the page's forms carry."""
        token = next(one["value"] for one in self._controls if one.get("name") == "csrf_token")
        assert token
        return token

    def at(self, element_id: str) -> str:
        """The text inside an element; blank when there is none of that id."""
        return " ".join(self._texts.get(element_id, "").split())

    def value(self, element_id: str) -> str:
        """What a field holds."""
        attributes = self._attributes[element_id]
        kept = attributes.get("value")
        return kept if kept is not None else self._texts.get(element_id, "").strip("\r\n")

    def ticked(self, name: str) -> list[str | None]:
        """The values of the check boxes of a name that are ticked."""
        return [
            one.get("value")
            for one in self._controls
            if one.get("name") == name and "checked" in one
        ]

    def has_field(self, name: str) -> bool:
        """Say whether there is a control of a name."""
        return any(one.get("name") == name for one in self._controls)

    @property
    def links(self) -> list[str]:
        """Where the page's links and forms lead."""
        found = [one.get("href") or one.get("action") for one in self._controls]
        return [link for link in found if link]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self._controls.append(known)
        if known.get("id"):
            self._attributes[str(known["id"])] = known
            self._texts.setdefault(str(known["id"]), "")
        if tag not in _VOID:
            self._open.append(known.get("id"))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.handle_data(" ")
        if self._open and tag not in _VOID:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for element_id in {"", *filter(None, self._open)}:
            self._texts[element_id] = self._texts.get(element_id, "") + data


class Console:
    """A browser of an operator's."""

    def __init__(self, app: Flask, project: Project | None = None) -> None:
        self.client: FlaskClient = app.test_client()
        self.project = project

    def path(self, rest: str = "") -> str:
        assert self.project
        return f"/console/projects/{self.project.id}{rest}"

    def get(self, path: str, *, follow: bool = False) -> Page:
        return Page(self.client.get(path, follow_redirects=follow))

    def post(self, path: str, *, follow: bool = False, **fields: Any) -> Page:
        """Send a form with the token of this browser's session."""
        known = {"csrf_token": self.token(), **fields}
        return Page(self.client.post(path, data=known, follow_redirects=follow))

    def token(self) -> str:
        """The session's CSRF token, from whatever page can be seen."""
        shown = self.get("/console/new-project")
        return shown.csrf if shown.status == 200 else self.get("/console/sign-in").csrf

    def sign_in(self, email: str, password: str = PASSWORD, **fields: Any) -> Page:
        return self.post("/console/sign-in", email=email, password=password, **fields)


def make_operator(runtime: Runtime, email: str, *projects: Project) -> Operator:
    """Make an operator who is a member of some projects."""
    operator = runtime.access.new_operator(email, PASSWORD)
    with runtime.database.transaction() as tx:
        for project in projects:
            project_store.add_member(tx, project.id, operator.id)
    return operator
