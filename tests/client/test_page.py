"""The page in a real Chromium with a fake microphone, against a real leg."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.client.house import OUTPUT, RATE, House, Tones, loudness

pytestmark = pytest.mark.browser
Open = Callable[..., Page]
SCREENS = [("desktop", 1280, 860), ("phone", 390, 800), ("small-phone", 320, 568)]


def wait_until(condition: Callable[[], Any], page: Page, seconds: float = 10.0) -> None:
    """Let the page go on until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come to hold"
        page.evaluate("new Promise(requestAnimationFrame)")


def connected(open_page: Open, house: House, query: str = "", **options: Any) -> tuple[Page, Tones]:
    page = open_page(f"?autostart=1{query}", **options)
    page.wait_for_selector('body[data-phase="live"]')
    return page, house.calls[-1]


def statistics(page: Page) -> dict[str, Any]:
    found = page.evaluate("window.trunkline.statistics()")
    assert isinstance(found, dict)
    return found


def say(page: Page, text: str) -> None:
    page.get_by_label("Type to the assistant").fill(text)
    page.keyboard.press("Enter")


@pytest.mark.parametrize("rate", ["", "&rate=48000", "&rate=44100"])
def test_the_microphone_arrives_in_frames_of_20_ms(
    open_page: Open, house: House, rate: str
) -> None:
    page, call = connected(open_page, house, rate)
    wait_until(lambda: len(call.heard) >= RATE * 2 * 3, page)
    wave = np.frombuffer(bytes(call.heard[: RATE * 6]), "<i2").astype(float) / 32768
    assert np.sqrt(np.mean(wave**2)) > 0.01
    spectrum = np.abs(np.fft.rfft(wave))
    strongest = np.fft.rfftfreq(wave.size, 1 / RATE)[int(np.argmax(spectrum))]
    assert min(strongest % 140, 140 - strongest % 140) < 6  # a harmonic of the voice
    assert statistics(page)["sent"]["frames"] == pytest.approx(len(call.heard) / 960, abs=10)


@pytest.mark.parametrize("rate", ["", "&rate=48000"])
def test_what_was_played_is_reported_to_the_last_sample(
    open_page: Open, house: House, rate: str
) -> None:
    page, call = connected(open_page, house, rate)
    say(page, "tone")
    wait_until(lambda: statistics(page)["outLevel"] > 0.1, page)
    wait_until(lambda: call.played and call.played[-1].samples == int(1.5 * RATE), page)
    assert {report.item_id for report in call.played} == {"item_0"}
    reported = [report.samples for report in call.played]
    assert reported == sorted(reported)
    assert len(reported) > 20
    steps = np.diff(reported) / RATE * 1000
    assert np.median(steps) < 45
    wait_until(lambda: statistics(page)["outLevel"] < 1e-4, page)


def test_an_interruption_stops_the_sound_at_once(open_page: Open, house: House) -> None:
    page, call = connected(open_page, house)
    say(page, "tone until interrupted")
    wait_until(lambda: statistics(page)["flushes"] == 1, page)
    flushed = time.monotonic()
    wait_until(lambda: statistics(page)["outLevel"] < 1e-4, page)
    assert time.monotonic() - flushed < 1.0
    heard = max((r.samples for r in call.played if r.generation == 0), default=0)
    assert heard <= call.sent["item_0"]
    say(page, "tone")  # the next generation is heard again, from its first sample
    wait_until(lambda: [r for r in call.played if r.samples == int(1.5 * RATE)], page)
    assert call.played[-1].generation == 1


def test_a_muted_microphone_sends_silence_and_not_nothing(open_page: Open, house: House) -> None:
    page, call = connected(open_page, house)
    wait_until(lambda: loudness(bytes(call.heard)) > 0.01, page)
    page.get_by_role("button", name="Mute the microphone").click()
    wait_until(lambda: len(call.heard) > RATE, page)
    begin = len(call.heard) + RATE // 2
    wait_until(lambda: len(call.heard) >= begin + RATE * 6, page)
    assert loudness(bytes(call.heard[begin:])) < 0.0005


def test_the_conversation_is_shown_as_it_was_heard(open_page: Open, house: House) -> None:
    page, _ = connected(open_page, house)
    say(page, "show")
    page.get_by_text("Let me see what the carrier").wait_for()
    assert page.locator("li.line").count() == 4
    assert page.locator("li.line.cut .mark:visible").inner_text() == "— interrupted"
    assert page.locator("li.tool .status").all_inner_texts() == ["done", "running"]
    page.locator("li.tool summary").first.click()
    assert "DHL" in page.locator("li.tool .result").first.inner_text()
    assert page.locator("#latency").inner_text() == "398 ms"
    assert "427 ms" in page.locator("#median").inner_text()
    assert page.locator("#saved").inner_text() == "62 % · 37 s"
    assert page.locator("#cost").inner_text() == "$0.0246"
    assert page.locator("#cost-more").inner_text() == "$0.0123 a response"


def test_the_other_side_hangs_up_and_the_page_says_so(open_page: Open, house: House) -> None:
    page, _ = connected(open_page, house)
    say(page, "end")
    page.wait_for_selector('body[data-phase="ended"]')
    assert page.locator(".toast").count() == 0
    page.get_by_role("button", name="Call again").click()
    page.wait_for_selector('body[data-phase="live"]')


def test_hanging_up_tells_the_call(open_page: Open, house: House) -> None:
    page, call = connected(open_page, house)
    page.get_by_role("button", name="Hang up").click()
    wait_until(lambda: str(call.events[-1:]).count("hung up"), page)


def test_a_refused_microphone_offers_to_type_instead(open_page: Open, house: House) -> None:
    page = open_page()
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () =>"
        " Promise.reject(new DOMException('no', 'NotAllowedError')) }"
    )
    page.get_by_role("button", name="Start talking").click()
    page.get_by_role("alert").wait_for()
    assert "Allow it in the address bar" in page.get_by_role("alert").inner_text()
    page.get_by_role("button", name="Type instead").click()
    page.wait_for_selector('body[data-phase="live"]')
    say(page, "show")
    page.get_by_text("Let me see what the carrier").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "width", "height"), SCREENS)
def test_the_page_fits_its_screen(
    open_page: Open, house: House, scheme: str, name: str, width: int, height: int
) -> None:
    OUTPUT.mkdir(exist_ok=True)
    size = {"width": width, "height": height}
    idle = open_page(color_scheme=scheme, viewport=size)
    (OUTPUT / f"page-idle-{name}-{scheme}.png").write_bytes(idle.screenshot())
    page, _ = connected(open_page, house, color_scheme=scheme, viewport=size)
    say(page, "show")
    page.get_by_text("Let me see what the carrier").wait_for()
    page.evaluate(
        "Promise.all(document.getAnimations().filter((a) => a.animationName === 'arrive')"
        ".map((a) => a.finished))"
    )
    (OUTPUT / f"page-{name}-{scheme}.png").write_bytes(page.screenshot())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    edges = [page.locator(part).first.bounding_box() for part in (".talk", ".line.assistant")]
    outer, inner = (edge["x"] for edge in edges if edge)
    assert inner - outer > 16  # room for its shadow, which would be cut off
