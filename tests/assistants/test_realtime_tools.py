"""Tools on the wire to a model: offers, early arguments, and calls of a session that was lost."""

from __future__ import annotations

import json
from typing import Any

from openai.types.realtime.realtime_client_event import RealtimeClientEvent
from pydantic import TypeAdapter

from audio.format import pcm16
from gateway.assistants.compatible import PROVIDERS
from gateway.assistants.realtime import Realtime
from gateway.call import effects as do
from gateway.call.events import ToolArguments
from gateway.call.plan import Plan, ToolSpec

CLIENT_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeClientEvent)
EARLY = ToolSpec("find", "Finds.", {"type": "object", "properties": {}}, prefetch=True)
LATER = ToolSpec("pay", "Pays.", {"type": "object", "properties": {}})


def sent(dialect: Realtime, effect: do.ToAssistant) -> dict[str, Any]:
    (message,) = dialect.encode(effect)
    event: dict[str, Any] = json.loads(message)
    event.pop("event_id")
    if dialect.able.shape != "beta":
        CLIENT_EVENT.validate_python(event)
    return event


def begins(item: str, name: str) -> str:
    call = {"id": item, "type": "function_call", "name": name, "call_id": f"call_{item}"}
    return json.dumps({"type": "response.output_item.added", "response_id": "r", "item": call})


def piece(item: str, text: str) -> str:
    kind = "response.function_call_arguments.delta"
    return json.dumps({"type": kind, "response_id": "r", "item_id": item, "delta": text})


def test_tools_are_offered_without_touching_anything_else_of_the_session() -> None:
    event = sent(Realtime(pcm16(24_000)), do.OfferTools((LATER,)))
    assert event == {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "tools": [
                {
                    "type": "function",
                    "name": "pay",
                    "description": "Pays.",
                    "parameters": LATER.parameters,
                }
            ],
        },
    }
    beta = sent(Realtime(pcm16(24_000), PROVIDERS["beta"].able), do.OfferTools((LATER,)))
    assert beta["session"].keys() == {"tools"}


def test_a_call_of_a_lost_session_is_put_into_the_history_of_the_next() -> None:
    event = sent(Realtime(pcm16(24_000)), do.SendToolCall("c1", "pay", '{"euros": 5}'))
    assert event["item"] == {
        "type": "function_call",
        "call_id": "c1",
        "name": "pay",
        "arguments": '{"euros": 5}',
    }


def test_an_answer_in_words_alone_may_call_nothing() -> None:
    event = sent(Realtime(pcm16(24_000)), do.Respond("Say a word.", may_call=False))
    assert event["response"] == {"instructions": "Say a word.", "tool_choice": "none"}


def test_what_the_gateway_wants_said_is_said_by_whom_the_session_has_made_of_the_model() -> None:
    dialect = Realtime(pcm16(24_000))
    dialect.encode(do.Configure(Plan(instructions="You are Ada. Speak French.")))
    event = sent(dialect, do.Respond("Say a word."))
    assert event["response"]["instructions"] == "You are Ada. Speak French.\n\nSay a word."
    assert "response" not in sent(dialect, do.Respond())
    theirs = do.Respond("Go on.", options={"instructions": "Be brief."})
    assert sent(dialect, theirs)["response"]["instructions"] == "Be brief.\n\nGo on."
    theirs = do.Respond(options={"instructions": "Be brief."})
    assert sent(dialect, theirs)["response"]["instructions"] == "Be brief."


def test_arguments_are_passed_on_while_they_are_written_for_tools_that_want_it_alone() -> None:
    dialect = Realtime(pcm16(24_000))
    dialect.encode(do.Configure(Plan(tools=(EARLY, LATER))))
    assert dialect.decode(begins("a", "find")) == []
    assert dialect.decode(begins("b", "pay")) == []
    assert dialect.decode(piece("b", '{"euros"')) == []
    assert dialect.decode(piece("a", '{"order"')) == [ToolArguments("call_a", "find", '{"order"')]
    assert dialect.decode(piece("unknown", "{")) == []
    assert not dialect.ignored
    dialect.encode(do.OfferTools((LATER,)))
    assert dialect.decode(begins("c", "find")) == []
    assert dialect.decode(piece("c", "{")) == []
