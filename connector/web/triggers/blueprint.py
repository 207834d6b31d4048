"""The blueprint of what starts workflows."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("triggers", __name__)
