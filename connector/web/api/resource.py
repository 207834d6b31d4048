"""A blueprint of our API: routes that say which scope they need and how they can fail."""

from __future__ import annotations

import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Response
from flask_smorest import Blueprint
from marshmallow import Schema
from werkzeug.routing import BaseConverter

from connector.errors import FieldInvalid, ScopeMissing
from connector.models import ApiKey
from connector.web import guards, problems
from connector.web.api.fields import Shape
from connector.web.api.parsing import Arguments

PREFIX = "/api/v1"
#: The name of the security scheme in the OpenAPI description.
SECURITY = "apiKey"

#: No or a wrong key, a missing scope, a fault of ours, a database that is busy or away.
_ALWAYS = (401, 403, 500, 503)

View = TypeVar("View", bound=Callable[..., Any])


class Id(BaseConverter):
    """An id of ours, or the name of a connector."""

    regex = r"[^/\x00-\x1f\x7f]{1,64}"
    part_isolating = True
    longest = 64


class ExternalId(BaseConverter):
    """An id that the host product gave: any text, slashes too when they are percent-encoded."""

    regex = r"[^\x00-\x1f\x7f]{1,255}"
    part_isolating = False
    longest = 255


class Resource:
    """The routes of one kind of thing; its name is the tag in the OpenAPI description."""

    def __init__(self, name: str, module: str, description: str) -> None:
        self.blueprint = ApiBlueprint(name, module, url_prefix=PREFIX, description=description)
        self.blueprint.register_error_handler(FieldInvalid, _with_faults)
        self.blueprint.after_request(_private)

    def route(
        self,
        method: str,
        rule: str,
        *,
        scope: str,
        query: type[Shape] | None = None,
        body: type[Shape] | None = None,
        headers: type[Schema] | None = None,
        answer: type[Schema] | None = None,
        status: int = 200,
        fails: tuple[int, ...] = (),
    ) -> Callable[[View], View]:
        """Register a view for API keys of a scope, and describe it.

        The view gets the key, then the query, the body and the headers once they are checked, and
        the path's parameters by name. What it returns is shown by the ``answer`` schema alone.
        """

        def decorate(view: View) -> View:
            wrapped: Any = view
            wrapped = self.blueprint.response(status, answer)(wrapped)
            if headers is not None:
                wrapped = self.blueprint.arguments(headers, location="headers")(wrapped)
            if body is not None:
                needed = any(field.required for field in body().fields.values())
                wrapped = self.blueprint.arguments(body, required=needed)(wrapped)
            if query is not None:
                wrapped = self.blueprint.arguments(query, location="query")(wrapped)
            for failure in sorted({*_ALWAYS, *fails, *((413,) if body else ())}):
                wrapped = self.blueprint.alt_response(failure, HTTPStatus(failure).name)(wrapped)
            wrapped = self.blueprint.doc(operationId=view.__name__, security=[{SECURITY: [scope]}])(
                _guarded(wrapped, scope)
            )
            self.blueprint.route(rule, methods=[method])(wrapped)
            return view

        return decorate


class ApiBlueprint(Blueprint):  # type: ignore[misc] # flask-smorest has no types
    """flask-smorest's blueprint with our way of reading arguments."""

    ARGUMENTS_PARSER = Arguments()


def _guarded(view: Callable[..., Any], scope: str) -> Callable[..., Any]:
    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        return view(_key_with(scope), *args, **kwargs)

    return guarded


def _key_with(scope: str) -> ApiKey:
    key = guards.api_key()
    if scope not in key.scopes:
        raise ScopeMissing(f"The API key lacks the scope {scope}.", scope=scope)
    return key


def _with_faults(error: FieldInvalid) -> Response:
    """Answer faults that were found past the schemas in the same form as those found by them."""
    if "faults" in error.meta:
        return problems.answer(error)
    rest = {name: value for name, value in error.meta.items() if name != "pointer"}
    fault = {"pointer": error.meta.get("pointer", ""), "problem": error.message}
    return problems.answer(FieldInvalid(error.message, **rest, faults=[fault]))


def _private(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    return response
