"""Check pages against the rules of WCAG 2.2 AA with axe-core."""

from __future__ import annotations

import pytest
from playwright.sync_api import Frame, Page

from .host_site import ROOT

_AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def faults(shown: Page | Frame) -> list[str]:
    """Return what breaks a rule, with the elements that do."""
    if not _AXE.is_file():
        pytest.fail("The npm packages are missing: run `npm ci` in the folder frontend.")
    shown.evaluate(_AXE.read_text(encoding="utf-8"))
    found = shown.evaluate("(rules) => axe.run(document, {runOnly: rules})", _RULES)
    return [
        f"{fault['id']}: {node['target']} {node['failureSummary']}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]


def overflow(shown: Page | Frame) -> int:
    """Return by how many pixels the content is wider than the screen."""
    return int(
        shown.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
    )
