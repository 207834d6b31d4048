"""Chromium as a person has it: one visit, with all it complained of and everywhere it went."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Frame,
    FrameLocator,
    Page,
    Playwright,
    Request,
)

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_LOCAL = ("data:", "about:", "blob:", "chrome-error:")
#: A folder to put screenshots in, for whoever wants to look at the pages that the tests see.
_SHOTS = "SCREENSHOTS"


def launch(playwright: Playwright, **options: Any) -> Browser:
    """Start the machine's own Chromium, headless."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        pytest.fail(
            'Chromium is missing: install it, or leave these tests out by -m "not browser".'
        )
    return playwright.chromium.launch(executable_path=program, args=_ARGUMENTS, **options)


class Visit:
    """One person's browser: own cookies, own storage, and a record of what went wrong in it."""

    def __init__(self, context: BrowserContext, origins: set[str]) -> None:
        self.context = context
        self._origins = origins
        self._complaints: list[str] = []
        self._foreign: list[str] = []
        self._expected: list[str] = []
        context.on("console", self._note)
        context.on("weberror", lambda error: self._complaints.append(str(error.error)))
        context.on("request", self._follow)
        self.page = context.new_page()

    def expect_complaint(self, text: str) -> None:
        """Say that the browser will complain of something, here on purpose."""
        self._expected.append(text)

    def expect_origin(self, origin: str) -> None:
        """Say that the browser will ask for something at another place, here on purpose."""
        self._origins.add(origin)

    @property
    def portal(self) -> FrameLocator:
        """What is shown in the connect portal's frame."""
        return self.page.frame_locator("#paragon-connect-frame")

    @property
    def portal_frame(self) -> Frame:
        """The connect portal's frame itself."""
        return next(frame for frame in self.page.frames if urlsplit(frame.url).path == "/ui")

    def shot(self, name: str, page: Page | None = None, *, full: bool = False) -> None:
        """Keep a picture of the page when the environment names a folder for pictures."""
        folder = os.environ.get(_SHOTS)
        if folder:
            shown = page or self.page
            shown.screenshot(path=Path(folder) / f"{name}.png", full_page=full)

    def check(self) -> None:
        """Fail if the browser complained of anything unforeseen or called a stranger."""
        unforeseen = [
            one for one in self._complaints if not any(text in one for text in self._expected)
        ]
        assert not unforeseen, unforeseen
        assert not self._foreign, self._foreign
        for text in self._expected:
            assert any(text in one for one in self._complaints), f"no complaint of {text!r}"

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._complaints.append(message.text)

    def _follow(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if not request.url.startswith(_LOCAL) and f"{parts.scheme}://{parts.netloc}" not in (
            self._origins
        ):
            self._foreign.append(request.url)


@contextmanager
def visiting(browser: Browser, origins: set[str], **options: Any) -> Iterator[Visit]:
    """Open a browser of its own for a person, and see at the end that nothing went wrong."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    try:
        visit = Visit(context, set(origins))
        yield visit
        visit.check()
    finally:
        context.close()
