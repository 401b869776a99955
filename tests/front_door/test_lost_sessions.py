"""A Realtime client's items that are under way when the model's session is lost."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.embedded.faultplan import Fault, FaultPlan
from gateway.embedded.faultproxy import serve_faults
from gateway.embedded.parts import Heard
from gateway.embedded.server import Assistant
from gateway.embedded.server import serve as serve_embedded
from tests.front_door.line import Script, called
from tests.house import EchoEars, ToneMouth
from tests.whole import open_whole

pytestmark = pytest.mark.virtual_clock
LOSES = Fault("drop", session=1, event="conversation.item.added", count=2)


def words(name: str, text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"id": name, "type": "message", "role": "user", "content": content}


async def test_an_item_whose_session_is_lost_is_acknowledged_once_and_answered() -> None:
    mind = Script()
    assistant = Assistant(EchoEars(), mind, ToneMouth())
    async with (
        serve_embedded(assistant) as model,
        serve_faults(model.base_url, FaultPlan((LOSES,))) as faulty,
        open_whole({"TRUNKLINE_ASSISTANT__BASE_URL": faulty.base_url}) as house,
        called(house) as line,
    ):
        await line.say("conversation.item.create", item=words("first", "My name is Ann."))
        await line.until("conversation.item.added")
        await line.say("conversation.item.create", item=words("second", "What is my name?"))
        while (await line.until("conversation.item.added"))["item"]["id"] != "second":
            pass
        await line.say("response.create")
        assert (await line.until("response.done"))["response"]["status"] == "completed"
        added = [e["item"]["id"] for e in line.events if e["type"] == "conversation.item.added"]
        assert [name for name in added if name in ("first", "second")] == ["first", "second"]
        assert not [event for event in line.events if event["type"] == "error"]
    (situation,) = mind.asked
    heard = [one.text for one in situation.lines if isinstance(one, Heard)]
    assert heard == ["My name is Ann.", "What is my name?"]
