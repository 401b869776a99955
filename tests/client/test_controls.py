"""What can be pressed, held, chosen and dropped on the page, against a small call."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from gateway.call import events as of
from tests.client.house import OUTPUT, House

pytestmark = pytest.mark.browser
Open = Callable[..., Page]
DROP = """async () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 3000, height: 1500 });
  const context = canvas.getContext("2d");
  for (let x = 0; x < 3000; x += 50) {
    context.fillStyle = `hsl(${x / 9} 80% 60%)`;
    context.fillRect(x, 0, 50, 1500);
  }
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([blob], "stripes.png", { type: "image/png" }));
  dispatchEvent(new DragEvent("dragover", { dataTransfer, cancelable: true }));
  dispatchEvent(new DragEvent("drop", { dataTransfer, cancelable: true }));
}"""


def live(open_page: Open) -> Page:
    page = open_page("?autostart=1", viewport={"width": 390, "height": 800})
    page.wait_for_selector('body[data-phase="live"]')
    return page


def is_muted(page: Page) -> bool:
    return bool(page.evaluate("!window.trunkline.sound.track.enabled"))


def test_devices_are_chosen_and_a_key_is_held_to_talk(open_page: Open, house: House) -> None:
    page = live(open_page)
    page.get_by_role("button", name="Microphone and loudspeaker").click()
    microphones = page.get_by_label("Microphone", exact=True)
    expect(microphones.locator("option")).not_to_have_count(1)
    before = page.evaluate("window.trunkline.sound.track.id")
    microphones.select_option(index=1)
    page.wait_for_function("(id) => window.trunkline.sound.track.id !== id", arg=before)
    page.get_by_label("Talk only while a key is held").check()
    OUTPUT.mkdir(exist_ok=True)
    (OUTPUT / "page-devices.png").write_bytes(page.screenshot())
    page.get_by_role("button", name="Done").click()
    page.evaluate("document.activeElement.blur()")
    assert is_muted(page)
    page.keyboard.down("Space")
    assert not is_muted(page)
    (OUTPUT / "page-holding.png").write_bytes(page.screenshot())
    page.keyboard.up("Space")
    assert is_muted(page)
    button = page.get_by_role("button", name="Hold to talk")
    button.focus()
    page.keyboard.down("Enter")
    assert not is_muted(page)
    page.keyboard.up("Enter")
    assert is_muted(page)


def test_a_picture_that_is_dropped_is_shown_made_small_and_sent(
    open_page: Open, house: House
) -> None:
    page = live(open_page)
    page.get_by_label("Type to the assistant").fill("What is this?")
    page.evaluate(DROP)
    seen = page.get_by_alt_text("The picture that you showed")
    expect(seen).to_be_visible()
    assert page.evaluate("document.querySelector('.shown img').naturalWidth") == 1024
    (OUTPUT / "page-picture.png").write_bytes(page.screenshot())
    until = time.monotonic() + 5
    while not shown(house) and time.monotonic() < until:
        page.evaluate("new Promise(requestAnimationFrame)")
    (picture,) = shown(house)
    assert (picture.media_type, picture.text) == ("image/jpeg", "What is this?")


def shown(house: House) -> list[of.CallerShowed]:
    return [one for one in house.calls[-1].events if isinstance(one, of.CallerShowed)]
