"""What a program asks while its session is lost: put to the next one once, or refused."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.inflight import KEPT, InFlight
from gateway.call.plan import Plan, RecoveryPolicy, ToolSpec
from tests.call.story import Story

SECOND = 1_000_000
CREATE = "conversation.item.create"


def program(**plan: Any) -> Story:
    policy = RecoveryPolicy(assistants=2, patience=20 * SECOND)
    return Story(Plan(recovery=policy, relays=True, **plan))


def item(name: str, words: str = "", **fields: Any) -> dict[str, Any]:
    kind = {"type": "input_text", "text": words} if words else {"type": "input_image"}
    made = {"id": name, "type": "message", "role": "user", "content": [kind]}
    return {"type": CREATE, "item": made, **fields}


def added(name: str) -> on.AssistantTold:
    return on.AssistantTold({"type": "conversation.item.added", "item": {"id": name}})


def lose(tale: Story) -> None:
    tale.feed(on.AssistantLost("gone", "close_1006", tale.call._upstream._recovery.epoch))


def found(tale: Story) -> list[do.Effect]:
    """Another session is there; what it is told."""
    tale.new()
    tale.feed(on.AssistantReady(epoch=tale.all(do.Dial)[-1].epoch))
    return tale.new()


def relayed(effects: list[do.Effect]) -> list[str]:
    return [one.request for one in effects if isinstance(one, do.Relay)]


def refusals(tale: Story) -> list[tuple[str, str]]:
    return [(one.request, one.code) for one in tale.all(do.ShowRefusal)]


def test_an_item_that_was_not_acknowledged_is_told_to_the_next_session_once() -> None:
    tale = program()
    tale.feed(on.CallerAsked(item("known", "One."), "caller_1"))
    tale.feed(added("known"))
    tale.feed(on.CallerAsked(item("open", "Two."), "caller_2"))
    lose(tale)
    told = found(tale)
    assert relayed(told) == ["caller_2"]
    assert [one.text for one in told if isinstance(one, do.Remind)][:-1] == ["One."]
    tale.feed(added("open"))
    lose(tale)
    told = found(tale)
    assert relayed(told) == []
    assert [one.text for one in told if isinstance(one, do.Remind)][:-1] == ["One.", "Two."]
    assert not tale.all(do.ShowRefusal)


def test_what_is_asked_while_there_is_no_session_waits_for_one() -> None:
    tale = program()
    lose(tale)
    tale.feed(on.CallerAsked(item("picture"), "caller_1"))
    assert not tale.all(do.Relay)
    assert relayed(found(tale)) == ["caller_1"]


def test_an_item_loses_its_place_where_the_item_before_it_has_another_name_now() -> None:
    tale = program()
    tale.feed(on.CallerAsked(item("b", previous_item_id="a"), "caller_1"))
    tale.feed(on.CallerAsked(item("c", previous_item_id="root"), "caller_2"))
    lose(tale)
    told = [one.message for one in found(tale) if isinstance(one, do.Relay)]
    assert [one.get("previous_item_id") for one in told] == [None, "root"]


@pytest.mark.parametrize("verb", ["retrieve", "delete"])
def test_what_asks_about_an_item_of_the_lost_session_is_refused(verb: str) -> None:
    tale = program()
    message = {"type": f"conversation.item.{verb}", "item_id": "item_1"}
    tale.feed(on.CallerAsked(message, "caller_1"))
    lose(tale)
    assert relayed(found(tale)) == []
    assert refusals(tale) == [("caller_1", "session_lost")]


@pytest.mark.parametrize("begun", [False, True])
def test_an_answer_outside_the_conversation_is_asked_for_again_or_ended(begun: bool) -> None:
    tale = program()
    tale.feed(on.CallerAsked({"type": "response.create", "response": {}}, "caller_1"))
    if begun:
        response = {"id": "resp_1", "conversation_id": None, "status": "in_progress"}
        tale.feed(on.AssistantTold({"type": "response.created", "response": response}))
    tale.new()
    lose(tale)
    ended = [one.message for one in tale.new() if isinstance(one, do.PassOn)]
    assert [(one["response"]["id"], one["response"]["status"]) for one in ended] == (
        [("resp_1", "failed")] if begun else []
    )
    assert relayed(found(tale)) == ([] if begun else ["caller_1"])


def test_a_refused_request_is_not_told_again() -> None:
    tale = program()
    tale.feed(on.CallerAsked(item("bad"), "caller_1"))
    tale.feed(on.AssistantRefused("invalid_value", "no", "caller_1"))
    lose(tale)
    assert relayed(found(tale)) == []
    assert refusals(tale) == [("caller_1", "invalid_value")]


def test_where_nobody_is_left_each_open_request_is_refused() -> None:
    tale = program()
    tale.feed(on.CallerAsked(item("open"), "caller_1"))
    lose(tale)
    tale.wait(30_000)
    assert refusals(tale) == [("caller_1", "assistant_lost")]


def test_the_callers_own_answer_of_a_function_keeps_its_name() -> None:
    tale = program(caller_tools=(ToolSpec("show_map", "", {}),))
    tale.says(600)
    tale.begins()
    call = on.ToolCall("call_1", "show_map", "{}")
    tale.feed(on.ResponseEnded("resp_1", "completed", "", (call,)))
    tale.feed(on.ToolAnswered("call_1", "shown", "item_mine"))
    lose(tale)
    assert do.SendToolOutput("call_1", "shown", "item_mine") in found(tale)
    tale.feed(added("item_mine"))
    lose(tale)
    assert do.SendToolOutput("call_1", "shown", "") in found(tale)


def test_without_a_session_too_many_are_refused_and_with_one_the_oldest_counts_as_taken() -> None:
    tale = program()
    for number in range(KEPT + 1):
        tale.feed(on.CallerAsked(item(f"early_{number}"), f"caller_{number}"))
    assert len(tale.all(do.Relay)) == KEPT + 1
    lose(tale)
    tale.feed(on.CallerAsked(item("late"), "caller_late"))
    assert refusals(tale) == [("caller_late", "too_many_in_flight")]
    assert relayed(found(tale)) == [f"caller_{number}" for number in range(1, KEPT + 1)]


STEPS = st.lists(st.sampled_from(["ask", "take", "refuse", "lose"]), max_size=60)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(steps=STEPS, which=st.integers(0, 7))
def test_each_request_is_told_once_to_each_session_until_it_is_answered(
    steps: list[str], which: int
) -> None:
    flight, open_, asked = InFlight(), list[str](), 0
    for step in steps:
        chosen = open_[which % len(open_)] if open_ else ""
        match step:
            case "ask":
                asked += 1
                relay = do.Relay(item(f"item_{asked}"), f"item_{asked}")
                assert flight.take(relay, away=False) is None
                open_.append(relay.request)
            case "take" if chosen:
                flight.told(added(chosen).message)
                open_.remove(chosen)
            case "refuse" if chosen:
                flight.refused(chosen)
                open_.remove(chosen)
            case "lose":
                told = [one.request for one in flight.again() if isinstance(one, do.Relay)]
                assert told == open_
                assert not told or max(Counter(told).values()) == 1
    assert [one.request for one in flight.lost("assistant_lost", "gone")] == open_
    assert not list(flight.again())
