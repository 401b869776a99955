"""A real Chromium, a microphone that plays a sample, the real gateway: a whole conversation."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from audio import wav
from audio.pcm import silence
from gateway.files import samples_dir
from tests.bench.line import gateway
from tests.client.conftest import CHROMIUM, FLAGS
from tests.client.house import OUTPUT

pytestmark = [pytest.mark.browser, pytest.mark.models]
RATE = 48_000


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[tuple[Page, list[str]]]:
    """The page with a call to the order desk in it, and what its console complained of.

    The microphone hears the question at once, the interruption while the answer is being spoken,
    and then nobody.
    """
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed: apt-get install chromium")
    commands = samples_dir() / "audio" / "commands"
    ask, cut_in = (
        wav.read(commands / f"{name}.wav", rate=RATE) for name in ("where_is_my_order", "when_ship")
    )
    spoken = silence(RATE) + ask + silence(RATE * 5 // 2) + cut_in + silence(RATE * 30)
    wav.write(tmp_path / "microphone.wav", spoken, RATE)
    tools = json.dumps([str(samples_dir() / "orderdesk.py")])
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={tmp_path / 'microphone.wav'}%noloop"]
    complaints: list[str] = []
    with gateway(TRUNKLINE_TOOLS__MODULES=tools) as (address, _), sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = chromium.new_page(viewport={"width": 1100, "height": 860})
        page.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{address}/?autostart=1")
        yield page, complaints
        chromium.close()


def loudest(page: Page, seconds: float) -> float:
    """The highest level that the loudspeaker had in that time, of full scale."""
    end = time.monotonic() + seconds
    level = 0.0
    while time.monotonic() < end:
        found: dict[str, Any] = page.evaluate("window.trunkline.statistics()")
        level = max(level, found["outLevel"])
    return level


def test_a_conversation_through_the_page(caller: tuple[Page, list[str]]) -> None:
    page, complaints = caller
    lines = page.locator("#lines")
    expect(lines).to_contain_text("Where is my order", timeout=20_000)
    expect(lines).to_contain_text("look_up_order", timeout=10_000)
    assert loudest(page, 1.0) > 0.02, "the answer is heard"
    expect(lines).to_contain_text("when does it ship", timeout=20_000)
    expect(lines).to_contain_text("Order 4217 ships on", timeout=15_000)
    assert loudest(page, 0.5) > 0.02, "the second answer is heard, too"
    first = lines.locator("li:not(.tool)", has_text="Order 4217, two").last
    expect(first).to_contain_text("interrupted")
    expect(first).not_to_contain_text("November", timeout=1_000)
    OUTPUT.mkdir(exist_ok=True)
    (OUTPUT / "conversation.png").write_bytes(page.screenshot())
    found = page.evaluate("window.trunkline.statistics()")
    assert found["flushes"] >= 1
    page.locator("#call").click()
    expect(page.locator("#call-label")).to_have_text("Call again", timeout=5_000)
    assert complaints == []
