"""What the forms of the console share: a typed form, and our errors at its fields."""

from __future__ import annotations

import re
from typing import Any

from flask_wtf import FlaskForm
from wtforms import SelectMultipleField
from wtforms.validators import ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from connector.errors import HeaplineError

_UNFIT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


class Form(FlaskForm):  # type: ignore[misc]
    """A form; every field's name is the one that our errors point to."""

    #: What is wrong with the form as a whole.
    form_errors: list[str]

    def sent(self) -> bool:
        """Say whether the form was sent and every field holds what it should."""
        return bool(self.validate_on_submit())

    def put(self, error: HeaplineError) -> None:
        """Show an error at the field that it points to, else above the form."""
        name = str(error.meta.get("pointer", "")).removeprefix("/")
        if name in self:
            self[name].errors = [*self[name].errors, error.message]
        else:
            self.form_errors = [*self.form_errors, error.message]


class CheckList(SelectMultipleField):  # type: ignore[misc]
    """Any number of choices, each a check box."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


def stripped(value: Any) -> Any:
    """Return text without the blanks around it, which copying tends to bring along."""
    return value.strip() if isinstance(value, str) else value


def plain(_form: Form, field: Any) -> None:
    """Refuse characters that nobody sees and no database keeps; a validator."""
    if _UNFIT.search(field.data or ""):
        raise ValidationError("This holds a character that cannot be kept.")
