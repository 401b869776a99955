"""The page where something comes late, breaks, or is not as in Chromium."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.client.house import House

pytestmark = pytest.mark.browser
Open = Callable[..., Page]
# The microphone is allowed when the test says so.
LATE = """() => {
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    await new Promise((resolve) => { window.allow = resolve; });
    window.given = await ask(wanted);
    return window.given;
  };
}"""
# As Firefox has it: a microphone is no source of a context with another rate than the device's.
STRICT = """() => {
  const make = AudioContext.prototype.createMediaStreamSource;
  AudioContext.prototype.createMediaStreamSource = function (stream) {
    if (this.sampleRate !== new AudioContext().sampleRate) {
      throw new DOMException("different sample-rate", "NotSupportedError");
    }
    return make.call(this, stream);
  };
}"""


def test_a_microphone_that_is_allowed_after_the_call_was_cancelled_is_shut_again(
    open_page: Open, house: House
) -> None:
    page = open_page()
    page.evaluate(LATE)
    page.get_by_role("button", name="Start talking").click()
    page.wait_for_function("() => window.allow")
    page.get_by_role("button", name="Cancel").click()
    page.evaluate("window.allow()")
    page.wait_for_function(
        "() => window.given?.getTracks().every((one) => one.readyState === 'ended')"
    )
    expect(page.locator(".toast")).to_have_count(0)
    expect(page.locator("#state")).to_have_text("The call has ended")


def test_choosing_a_microphone_after_the_call_does_not_open_it(
    open_page: Open, house: House
) -> None:
    page = open_page("?autostart=1")
    page.wait_for_selector('body[data-phase="live"]')
    page.get_by_role("button", name="Hang up").click()
    page.evaluate("() => { navigator.mediaDevices.getUserMedia = () => { window.asked = true } }")
    page.get_by_role("button", name="Microphone and loudspeaker").click()
    page.get_by_label("Microphone", exact=True).select_option(index=1)
    assert page.evaluate("window.asked ?? false") is False


def test_where_a_microphone_is_heard_only_at_its_own_rate_the_page_takes_that_rate(
    open_page: Open, house: House
) -> None:
    page = open_page()
    page.evaluate(STRICT)
    page.get_by_role("button", name="Start talking").click()
    page.wait_for_selector('body[data-phase="live"]')
    page.wait_for_function("() => window.trunkline.statistics().sent.frames > 25")
    assert page.evaluate("window.trunkline.statistics().rate") != 24_000
    page.get_by_label("Type to the assistant").fill("tone")
    page.keyboard.press("Enter")
    page.wait_for_function("() => window.trunkline.statistics().outLevel > 0.02")


def test_a_call_that_came_back_is_seen_to_end(open_page: Open, house: House) -> None:
    page = open_page("?autostart=1")
    page.wait_for_selector('body[data-phase="live"]')
    page.evaluate("dispatchEvent(new Event('offline'))")
    page.wait_for_function("() => window.trunkline.statistics().returns === 1")
    page.get_by_label("Type to the assistant").fill("end")
    page.keyboard.press("Enter")
    page.wait_for_selector('body[data-phase="ended"]')


def test_what_was_shown_and_said_last_is_in_sight(open_page: Open, house: House) -> None:
    page = open_page("?autostart=1", viewport={"width": 667, "height": 375})
    page.wait_for_selector('body[data-phase="live"]')
    draw = """async () => {
      const { Transcript } = await import("/client/transcript.js");
      const words = new Transcript(
        document.getElementById("lines"), document.getElementById("announcer"));
      const canvas = Object.assign(document.createElement("canvas"), { width: 300, height: 400 });
      words.picture(canvas.toDataURL());
      words.picture(canvas.toDataURL("image/jpeg"));
      await Promise.all([...document.images].map((one) => one.decode()));
      await new Promise(requestAnimationFrame);
      words.words({ item: "a", role: "caller", text: "word ".repeat(400), at: 1, final: true });
      const box = document.getElementById("talk");
      return box.scrollHeight - box.scrollTop - box.clientHeight;
    }"""
    assert page.evaluate(draw) < 2
    expect(page.locator(".shown")).to_have_count(2)
    box = page.locator("#talk").bounding_box()
    assert box is not None
    assert box["height"] > 100, "a phone on its side has room for what is said"
