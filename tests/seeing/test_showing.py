"""Pictures in calls: to a model that sees, to one that does not, and none that is none."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from typing import Any

from websockets.asyncio.client import connect

from gateway.admission.access import Access
from gateway.app import Gateway
from gateway.assistants.target import Target
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.events import Event
from gateway.private import Private
from gateway.running.listening import listen
from gateway.running.opening import listening
from gateway.seeing.showing import UNSEEN, Feed, ShowingLeg
from gateway.settings import load
from gateway.switchboard import Switchboard
from gateway.taps.metrics import Metrics
from tests.assistants.scripted import Json, Peer, scripted
from tests.house import message
from tests.pictures import drawn, opened
from tools.context import Image
from tools.spec import tool
from tools.toolbox import Toolbox

PNG = drawn()
URL = "data:image/png;base64," + b64encode(PNG).decode()


class Line:
    """A leg that says what it is told to say."""

    def __init__(self, *events: Event | bytes) -> None:
        self._events = events
        self.sent: list[do.ToCaller] = []

    async def run(self, feed: Feed) -> None:
        for event in self._events:
            feed(event)

    def send(self, effect: do.ToCaller) -> None:
        self.sent.append(effect)

    def close(self, reason: str) -> None:
        pass


async def fed(line: Line, sees: bool) -> list[Any]:
    seen: list[Any] = []
    await ShowingLeg(line, sees).run(seen.append)
    return seen


def content(event: Event) -> list[Json]:
    assert isinstance(event, on.CallerAsked)
    return list(event.message["item"]["content"])


def pixels(url: str) -> tuple[int, int]:
    return opened(b64decode(url.partition(",")[2])).size


async def test_an_assistant_that_sees_is_shown_it_and_asked() -> None:
    stop, asked, wanted = await fed(Line(on.CallerShowed("image/png", PNG, "What is it?")), True)
    assert isinstance(stop, on.CallerOrdered)
    picture, words = content(asked)
    assert pixels(picture["image_url"]) == (64, 48)
    assert words == {"type": "input_text", "text": "What is it?"}
    assert isinstance(wanted, on.AnswerWanted)


async def test_one_that_does_not_is_told_in_words() -> None:
    picture, said = await fed(Line(on.CallerShowed("image/png", PNG, "Look!")), False)
    assert isinstance(picture, on.CallerShowed), "for tools"
    assert said == on.CallerText("Look! [picture]", UNSEEN)


async def test_what_is_said_after_a_picture_comes_after_it() -> None:
    line = Line(
        on.CallerText("before"),
        on.CallerShowed("image/png", PNG),
        on.CallerText("between"),
        on.CallerShowed("image/png", PNG),
        b"\0\0",
        on.CallerText("after"),
    )
    kinds = [type(event).__name__ for event in await fed(line, True)]
    shown = ["CallerOrdered", "CallerAsked", "AnswerWanted"]
    assert kinds == ["CallerText", *shown, "CallerText", *shown, "bytes", "CallerText"]


async def test_what_is_none_is_refused_to_who_sent_it_and_the_rest_goes_on() -> None:
    item = {"content": [{"type": "input_image", "image_url": URL[:-40]}]}
    line = Line(
        on.CallerShowed("image/png", b"no picture"),
        on.CallerAsked({"type": "conversation.item.create", "item": item}, "caller_1"),
        on.CallerText("Never mind."),
    )
    assert await fed(line, True) == [on.CallerText("Never mind.")]
    notice, refusal = line.sent
    assert isinstance(notice, do.ShowNotice)
    assert "PNG, JPEG, WebP or GIF" in notice.message
    assert isinstance(refusal, do.ShowRefusal)
    assert (refusal.request, refusal.code) == ("caller_1", "invalid_image")


async def test_a_programs_picture_keeps_its_place_and_its_detail() -> None:
    large = "data:image/png;base64," + b64encode(drawn(size=(3_000, 30))).decode()
    parts = [
        {"type": "input_text", "text": "this"},
        {"type": "input_image", "image_url": large, "detail": "low"},
        {"type": "input_image", "image_url": "https://example.com/a.png"},
    ]
    asked = on.CallerAsked({"type": "conversation.item.create", "item": {"content": parts}}, "c")
    (event,) = await fed(Line(asked), True)
    text, picture, elsewhere = content(event)
    assert (text, elsewhere) == (parts[0], parts[2])
    assert picture["detail"] == "low"
    assert pixels(picture["image_url"]) == (2_048, 20)


# ---------------------------------------------------------------- over real sockets


@tool(side_effects=False)
async def photograph() -> Any:
    """Take a picture of the shelf."""
    return ["The shelf.", Image("image/png", drawn(size=(80, 20)))]


async def seeing(peer: Peer) -> None:
    """A model that looks at a picture, has another taken, and then speaks."""
    await peer.open()
    await peer.expect("response.create")
    response = {"id": "r1", "status": "completed", "conversation_id": "c1", "output": []}
    call = {"id": "f1", "type": "function_call", "call_id": "call_1", "name": "photograph"}
    call |= {"arguments": "{}", "status": "completed"}
    at = {"response_id": "r1", "item_id": "f1", "output_index": 0}
    await peer.emit(
        {"type": "response.created", "response": response | {"status": "in_progress"}},
        {"type": "response.output_item.added", "item": call | {"arguments": ""}, **at},
        {"type": "response.function_call_arguments.done", "arguments": "{}", **at}
        | {"call_id": "call_1", "name": "photograph"},
        {"type": "response.output_item.done", "item": call, **at},
        {"type": "response.done", "response": response | {"output": [call]}},
    )
    await peer.expect("response.create")
    await peer.socket.close()


async def test_pictures_of_the_caller_and_of_a_tool_reach_a_model_that_sees() -> None:
    settings = load(None, {})
    async with scripted(seeing) as model:
        target = Target("openai", model.url, "gpt-realtime-2.1", Private("sk-test"))
        with Toolbox([photograph]) as toolbox, listen("127.0.0.1", 0) as bound:
            board = Switchboard(4)
            gateway = Gateway(settings, target, toolbox, board, Metrics(), access=Access(settings))
            async with listening(gateway, bound) as address, asyncio.timeout(20):
                browser = address.replace("http", "ws", 1) + "/browser"
                async with connect(browser) as page:
                    await page.send(message("start", reports=True))
                    await page.send(message("image", url=URL, text="Is it on the shelf?"))
                    while not model.closed:
                        await page.recv()
                await board.drain(0)
    told = [one for one in model.received if one["type"] != "session.update"]
    kinds = [one.get("item", {}).get("type", one["type"]) for one in told][:5]
    assert kinds == [
        "message",
        "response.create",
        "message",
        "function_call_output",
        "response.create",
    ]
    assert pixels(told[0]["item"]["content"][0]["image_url"]) == (64, 48)
    assert pixels(told[2]["item"]["content"][0]["image_url"]) == (80, 20)
    output = told[3]["item"]["output"]
    assert output == "The shelf.\n[an image: image/png, 80 by 20 pixels]"
    assert "base64" not in json.dumps(told[3])
