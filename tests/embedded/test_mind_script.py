"""The script mind and the choice of a mind."""

from __future__ import annotations

import re

import pytest

from gateway.embedded.mind.chat import ChatMind
from gateway.embedded.parts import CallPiece, Heard, Returned, Said, Say, Situation
from gateway.embedded.thinking import LocalMind, ScriptMind, Step, find_mind
from gateway.errors import AssistantError, SettingsError


async def test_a_script_answers_what_it_expects() -> None:
    mind = ScriptMind(
        [
            Step("order", ["One moment.", ("look_up", {"id": "4217"})]),
            Step(re.compile("sent|lost"), ["It was sent."]),
            Step(None, [Say("Bye.")]),
        ]
    )
    first = [one async for one in mind.answer(Situation("", (Heard("My ORDER?"),)))]
    assert first[0] == Say("One moment.")
    pieces = [one for one in first if isinstance(one, CallPiece)]
    assert "".join(piece.arguments for piece in pieces) == '{"id": "4217"}'
    assert len(pieces) == 2
    lines = (Heard("My order?"), Said("One moment."), Returned("a", "sent"))
    assert [one async for one in mind.answer(Situation("", lines))] == [Say("It was sent.")]
    assert mind.left == 1


async def test_a_script_refuses_what_it_does_not_expect() -> None:
    mind = ScriptMind([Step("order", ["Yes."])])
    with pytest.raises(AssistantError, match="'order', but got 'weather'"):
        _ = [one async for one in mind.answer(Situation("", (Heard("weather"),)))]


async def test_a_script_that_is_over_says_so() -> None:
    with pytest.raises(AssistantError, match="no step 1"):
        _ = [one async for one in ScriptMind([]).answer(Situation("", (Heard("Hi"),)))]


async def test_the_settings_choose_the_mind() -> None:
    local = find_mind()
    assert isinstance(local, LocalMind)
    await local.close()
    chat = find_mind(base_url="http://localhost:11434/v1", model="m")
    assert isinstance(chat, ChatMind)
    await chat.close()


@pytest.mark.parametrize(
    ("base_url", "model", "key"),
    [("localhost", "m", "base_url"), ("", "m", "base_url"), ("http://localhost/v1", "", "model")],
)
def test_a_half_named_endpoint_is_refused(base_url: str, model: str, key: str) -> None:
    with pytest.raises(SettingsError, match=rf"assistant\.mind\.{key}"):
        find_mind(base_url=base_url, model=model)
