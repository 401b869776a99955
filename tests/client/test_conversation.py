"""A real Chromium, a microphone that plays samples, the real gateway: a whole conversation."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from gateway.embedded.hearing import MoonshineEars
from gateway.embedded.moonshine import words
from gateway.files import samples_dir
from tests.bench.line import gateway
from tests.client.conftest import CHROMIUM, FLAGS
from tests.client.house import OUTPUT

pytestmark = [pytest.mark.browser, pytest.mark.models, pytest.mark.long]
DOCS = Path(__file__).parents[2] / "docs"
COMMANDS = samples_dir() / "audio" / "commands"
ASKED = re.compile("Where(?: i|')s my order")  # as the recogniser writes it, by where it was cut
# In the place of Chromium's own, which plays a file by the clock: this speaks when it is told to,
# as a caller does who listens, and so on a machine of any speed.
MICROPHONE = """navigator.mediaDevices.getUserMedia = async () => {
  const context = new AudioContext();
  const line = context.createMediaStreamDestination();
  window.speak = async (wav, after) => {
    const bytes = Uint8Array.from(atob(wav), (letter) => letter.charCodeAt(0));
    const source = context.createBufferSource();
    source.buffer = await context.decodeAudioData(bytes.buffer);
    source.connect(line);
    source.start(context.currentTime + after);
  };
  return line.stream;
}"""
RECORD = """() => {
  const { sound } = window.trunkline;
  const ear = sound.context.createMediaStreamDestination();
  sound.outMeter.connect(ear);
  const recorder = new MediaRecorder(ear.stream);
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  recorder.start();
  window.heard = async () => {
    await new Promise((resolve) => { recorder.onstop = resolve; recorder.stop(); });
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    return btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ""));
  };
}"""

Open = Callable[[str], tuple[Page, list[str]]]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The real gateway with the order desk."""
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed: apt-get install chromium")
    tools = json.dumps([str(samples_dir() / "orderdesk.py")])
    # At the end it waits for no call whose browser is gone.
    with gateway(TRUNKLINE_TOOLS__MODULES=tools, TRUNKLINE_SHUTDOWN__FINISH_S="0") as (where, _):
        yield where


@pytest.fixture
def open_call(address: str) -> Iterator[Open]:
    """The page with a call to the order desk in it, and what its console complained of."""
    complaints: list[str] = []
    with sync_playwright() as playwright, ExitStack() as browsers:

        def opened(query: str) -> tuple[Page, list[str]]:
            chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            browsers.callback(chromium.close)
            page = chromium.new_page(viewport={"width": 1100, "height": 860})
            page.add_init_script(MICROPHONE)
            page.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(f"{address}/?{query}")
            return page, complaints

        yield opened


def say(page: Page, name: str, after: float = 0.0) -> None:
    """Speak one of the spoken commands into the microphone, so many seconds from now."""
    sound = base64.b64encode((COMMANDS / f"{name}.wav").read_bytes())
    page.evaluate("([wav, after]) => window.speak(wav, after)", [sound.decode(), after])


def understood(page: Page) -> list[str]:
    """The words that the loudspeaker said since the recording began."""
    sound = base64.b64decode(page.evaluate("window.heard()"))
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
    with av.open(io.BytesIO(sound)) as file:
        frames = [piece for frame in file.decode(audio=0) for piece in resampler.resample(frame)]
    pcm = b"".join(frame.to_ndarray().tobytes() for frame in frames)

    async def transcribe() -> str:
        ears = await MoonshineEars.load()
        try:
            return await ears.transcribe(pcm)
        finally:
            await ears.close()

    with ThreadPoolExecutor(1) as other:  # Playwright's own loop runs in this thread
        return words(other.submit(asyncio.run, transcribe()).result())


def picture(page: Page, name: str) -> None:
    OUTPUT.mkdir(exist_ok=True)
    (OUTPUT / f"{name}.png").write_bytes(page.screenshot())


def is_heard(page: Page, seconds: float = 10.0) -> bool:
    """Whether the loudspeaker says something in that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found: dict[str, Any] = page.evaluate("window.trunkline.statistics()")
        if found["outLevel"] > 0.02:
            return True
    return False


def converse(page: Page, name: str) -> None:
    """The caller asks, is answered, interrupts, and is answered again."""
    lines = page.locator("#lines")
    page.wait_for_selector('body[data-phase="live"]')
    say(page, "where_is_my_order")
    expect(lines).to_contain_text(ASKED, timeout=20_000)
    expect(lines).to_contain_text("look_up_order", timeout=10_000)
    assert is_heard(page), "the answer is heard"
    page.evaluate(RECORD)
    say(page, "when_ship", after=1.0)
    expect(lines).to_contain_text("when does it ship", timeout=20_000)
    expect(lines).to_contain_text("Order 4217 ships on", timeout=15_000)
    assert is_heard(page), "the second answer is heard, too"
    first = lines.locator("li.assistant.cut")
    expect(first).to_contain_text("Order 4217,", timeout=10_000)
    expect(first).not_to_contain_text("November")
    picture(page, f"conversation-{name}")
    second = lines.locator("li.assistant:not(.partial)", has_text="ships on")
    expect(second).to_be_visible(timeout=10_000)
    assert {"ships", "november"} <= {*understood(page)}
    assert page.evaluate("window.trunkline.statistics()")["flushes"] >= 1


def lose_the_network(page: Page, name: str) -> None:
    """The network goes and comes back, and with it the call."""
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    gone = {**conditions, "offline": True, "packetLoss": 100}
    network.send("Network.emulateNetworkConditions", gone)
    expect(page.locator("#state")).to_contain_text("Reconnecting", timeout=5_000)
    picture(page, f"away-{name}")
    back = {**conditions, "offline": False, "packetLoss": 0}
    network.send("Network.emulateNetworkConditions", back)
    expect(page.locator("#state")).to_have_text("Listening", timeout=15_000)
    assert page.evaluate("window.trunkline.statistics()")["returns"] == 1
    expect(page.locator("#lines")).to_contain_text(ASKED)
    page.get_by_label("Type to the assistant").fill("When does it ship?")
    page.keyboard.press("Enter")
    answers = page.locator("#lines li.assistant", has_text="4217 ships on")
    expect(answers).to_have_count(2, timeout=15_000)
    assert is_heard(page), "the answer is heard over the new line"
    picture(page, f"returned-{name}")


def hang_up(page: Page, complaints: list[str]) -> None:
    page.locator("#call").click()
    expect(page.locator("#call-label")).to_have_text("Call again", timeout=5_000)
    assert [said for said in complaints if "ERR_INTERNET_DISCONNECTED" not in said] == []


def test_a_conversation_over_webrtc_that_outlives_its_network(open_call: Open) -> None:
    page, complaints = open_call("autostart=1")
    converse(page, "webrtc")
    expect(page.locator("#line")).to_have_text("WebRTC")
    lose_the_network(page, "webrtc")
    hang_up(page, complaints)


def test_a_conversation_over_a_websocket_where_webrtc_finds_no_way(open_call: Open) -> None:
    page, complaints = open_call("autostart=1&line=none")
    converse(page, "websocket")
    expect(page.locator("#line")).to_have_text("WebSocket")
    lose_the_network(page, "websocket")
    hang_up(page, complaints)


def test_the_recipe_in_the_docs_places_a_call(open_call: Open, address: str) -> None:
    page, said = open_call("")
    recipe = re.findall(r"```js\n(.*?)```", (DOCS / "clients.md").read_text(), re.DOTALL)[0]
    recipe = recipe.replace("https://voice.example.com", address)
    place = (
        'document.body.append(Object.assign(new Audio(), { autoplay: true })); const secret = "";'
    )
    page.evaluate(f"async () => {{ {place} {recipe} window.where = call; }}")
    assert page.evaluate("window.where").startswith("/v1/realtime/calls/rtc_")
    until = time.monotonic() + 15
    while "log: session.created" not in said and time.monotonic() < until:
        page.evaluate("new Promise(requestAnimationFrame)")
    say(page, "where_is_my_order")
    while "log: output_audio_buffer.started" not in said and time.monotonic() < until:
        page.evaluate("new Promise(requestAnimationFrame)")
    assert said[0] == "log: session.created"
    assert "log: output_audio_buffer.started" in said
