"""Definitions of workflows as callers send them: as a text, or as an object within the body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from connector.web.api.fields import Shape
from workflow import documents
from workflow.errors import DefinitionInvalid

_SHOWN = 20


class DefinitionSchema(Shape):
    """A definition: a text, or an object."""

    text = fields.String(
        validate=validate.Length(1, documents.LONGEST),
        metadata={"description": "JSON or YAML; comments are kept."},
    )
    definition = fields.Dict(
        keys=fields.String(),
        metadata={"description": "The definition itself; see /workflow-schema."},
    )

    @validates_schema
    def _one_of_both(self, data: Mapping[str, Any], **_: Any) -> None:
        if ("text" in data) == ("definition" in data):
            raise ValidationError("Must have either text or definition.")


def text_of(wanted: Mapping[str, Any]) -> str:
    """Return the definition's text."""
    return wanted["text"] if "text" in wanted else json.dumps(wanted["definition"], indent=2)


def told(error: DefinitionInvalid, wanted: Mapping[str, Any]) -> DefinitionInvalid:
    """Return what is wrong with what was sent; of an object, the caller has seen no lines."""
    if "text" in wanted:
        return error
    faults = faults_of(error, wanted)
    found = [f"{fault['pointer'] or 'It'} {fault['problem']}." for fault in faults[:_SHOWN]]
    return DefinitionInvalid("The definition cannot be used. " + " ".join(found), faults=faults)


def faults_of(error: DefinitionInvalid, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return where a definition is wrong, with lines if a text was sent."""
    return [
        {
            name: value
            for name, value in fault.items()
            if value is not None and (name != "line" or "text" in wanted)
        }
        for fault in error.meta["faults"]
    ]
