"""A real browser with a microphone, in front of a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.client.house import House, write_voice

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]


@pytest.fixture
def house() -> Iterator[House]:
    server = House()
    yield server
    server.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium whose microphone hears a second of voice-like sound between silences.

    Not for the whole session: Playwright's loop counts as running as long as it is there, and no
    asyncio test could run in the meantime.
    """
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed: apt-get install chromium")
    clip = tmp_path_factory.mktemp("microphone") / "voice.wav"
    write_voice(clip)
    with sync_playwright() as playwright:
        flags = [*FLAGS, f"--use-file-for-fake-audio-capture={clip}"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(house: House, browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open the page; a complaint in its console fails the test."""
    complaints: list[str] = []
    pages: list[Page] = []

    def opened(query: str = "", **options: object) -> Page:
        page = browser.new_page(**options)  # type: ignore[arg-type]
        page.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(house.url + query)
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.close()
    assert complaints == []
