"""The page shows the token that its address carries."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.bench.line import gateway
from tests.client.conftest import CHROMIUM, FLAGS

pytestmark = [pytest.mark.browser, pytest.mark.models]


def test_a_page_with_the_token_gets_a_call_and_one_without_is_told_how() -> None:
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with gateway(TRUNKLINE_SERVER__TOKEN="open sesame") as (address, _), sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = chromium.new_page()
        page.goto(f"{address}/?autostart=1")
        expect(page.locator("#toasts")).to_contain_text("#token=", timeout=10_000)
        page.goto(f"{address}/?autostart=1&again#token=open%20sesame")
        expect(page.locator("body")).to_have_attribute("data-phase", "live", timeout=10_000)
        chromium.close()
