"""A real Chromium for the tests of what happens on a page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's chromium, headless; where it is missing the tests are skipped, but in CI that is a failure."""
    program = CHROMIUM if CHROMIUM.exists() else shutil.which("chromium")
    if not program:
        reason = "chromium is not installed (apt install chromium)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(program), args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium: Any) -> Iterator[Any]:
    """Opens tabs; in the end nothing bad was said in any of them, and no other host was asked for anything."""
    contexts, complaints = [], []

    def open_tab(address: str, wide: int, **settings: Any) -> Any:
        context = chromium.new_context(viewport={"width": wide, "height": 900}, **settings)
        contexts.append(context)
        page = context.new_page()
        own = ("file:", "data:", "blob:", "about:")
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda asked: None if asked.url.startswith(own) else complaints.append(asked.url))
        page.goto(address)
        return page

    yield open_tab
    for context in contexts:
        context.close()
    assert complaints == []
