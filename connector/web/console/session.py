"""The operator's session: a signed cookie that ends with the browser, or when the password changes.

The cookie names the operator by their session key, which changes with the password.
"""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from connector.models import Operator
from connector.web.guards import runtime

#: However long the browser stays open; counted from the last time the cookie was written.
LONGEST_SESSION = timedelta(hours=12)


class SignedIn(UserMixin):  # type: ignore[misc]
    """An operator in the form that Flask-Login keeps."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator

    def get_id(self) -> str:
        """Return what the session cookie names the operator by."""
        return self.operator.session_key


def install(app: Flask) -> None:
    """Have the app know its operators."""
    app.config["PERMANENT_SESSION_LIFETIME"] = LONGEST_SESSION
    manager = LoginManager()
    manager.user_loader(_load)
    # Without the context processor only pages of the console ask the database who is signed in.
    manager.init_app(app, add_context_processor=False)


def begin(operator: Operator) -> None:
    """Sign an operator in; nothing of the session before is taken over."""
    session.clear()
    login_user(SignedIn(operator))


def end() -> None:
    """Sign the operator out."""
    logout_user()
    session.clear()


def operator() -> Operator | None:
    """Return who is signed in."""
    return current_user.operator if current_user.is_authenticated else None


def _load(session_key: str) -> SignedIn | None:
    found = runtime().access.operator_of_session(session_key)
    return SignedIn(found) if found else None
