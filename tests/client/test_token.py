"""The page shows the token that its address carries."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from tests.client.conftest import CHROMIUM, FLAGS
from tests.house import open_house

pytestmark = pytest.mark.browser
TOKEN = {"TRUNKLINE_SERVER__TOKEN": "open sesame"}


async def test_a_page_with_the_token_gets_a_call_and_one_without_is_told_how() -> None:
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed: apt-get install chromium")
    async with open_house(variables=TOKEN) as house, async_playwright() as play:
        chromium = await play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await chromium.new_page()
        await page.goto(f"{house.address}/?autostart=1")
        await expect(page.locator("#toasts")).to_contain_text("#token=", timeout=30_000)
        await page.goto(f"{house.address}/?autostart=1&again#token=open%20sesame")
        await expect(page.locator("body")).to_have_attribute("data-phase", "live", timeout=30_000)
        await chromium.close()
