"""The page without a mouse: what has the keyboard, what a key does, and when it is let go."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.client.house import House

pytestmark = pytest.mark.browser
Open = Callable[..., Page]
HOLDING = 'localStorage.setItem("trunkline-devices", \'{"holding": true}\')'


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id"))


def test_the_tab_key_goes_through_all_controls_of_a_call(open_page: Open, house: House) -> None:
    page = open_page("?autostart=1")
    page.wait_for_selector('body[data-phase="live"]')
    page.locator("#text").focus()
    order = []
    for _ in range(5):
        order.append(focused(page))
        page.keyboard.press("Tab")
    assert order == ["text", "send", "mute", "call", "gear"]


def test_the_end_of_a_call_leaves_the_keyboard_at_the_button_that_calls_again(
    open_page: Open, house: House
) -> None:
    page = open_page("?autostart=1")
    page.wait_for_selector('body[data-phase="live"]')
    page.get_by_label("Type to the assistant").fill("end")
    page.keyboard.press("Enter")
    page.wait_for_selector('body[data-phase="ended"]')
    assert focused(page) == "call"


def test_the_space_bar_talks_and_does_not_hang_up_though_that_button_was_pressed_last(
    open_page: Open, house: House
) -> None:
    page = open_page()
    page.evaluate(HOLDING)
    page.reload()
    page.get_by_role("button", name="Start talking").click()
    page.wait_for_selector('body[data-phase="live"]')
    assert focused(page) == "call"
    enabled = "window.trunkline.sound.track.enabled"
    assert not page.evaluate(enabled)
    page.keyboard.down("Space")
    assert page.evaluate(enabled)
    page.keyboard.up("Space")
    assert not page.evaluate(enabled)
    expect(page.locator("#call-label")).to_have_text("Hang up")
    page.keyboard.press("Enter")
    page.wait_for_selector('body[data-phase="ended"]')


def test_who_types_because_the_microphone_is_refused_can_type_at_once(
    open_page: Open, house: House
) -> None:
    page = open_page()
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () =>"
        " Promise.reject(new DOMException('no', 'NotAllowedError')) }"
    )
    page.locator("#call").press("Enter")
    page.get_by_role("button", name="Close").press("Enter")
    assert focused(page) == "call"
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Type instead").press("Enter")
    page.wait_for_selector('body[data-phase="live"]')
    page.keyboard.type("show")
    page.keyboard.press("Enter")
    page.get_by_text("Let me see what the carrier").wait_for()
