"""A Realtime client's call as any other: its journal replays, and it outlives its model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.embedded.parts import CallPiece, Heard, Said, Say
from gateway.replay import Replay
from tests.front_door.line import Line, Script, called, question, speech
from tests.front_door.test_clients import SHOW_MAP, look_up
from tests.house import open_house
from tests.test_recovery import stage


async def ask(line: Line, text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    await line.say("conversation.item.create", item=item)
    await line.until("conversation.item.done")
    await line.say("response.create")
    response: dict[str, Any] = (await line.until("response.done"))["response"]
    return response


async def test_the_journal_of_a_programs_call_replays_and_holds_no_sound(tmp_path: Path) -> None:
    mind = Script([CallPiece(0, "look_up", "{}"), CallPiece(1, "show_map", "{}")], [Say("Here.")])
    variables = {"TRUNKLINE_TAPS__JOURNAL": str(tmp_path)}
    async with open_house(mind, [look_up], variables) as house, called(house) as line:
        await line.configure(tools=[SHOW_MAP], audio={"output": {"speed": 1.1}})
        await line.speak(speech())
        (call,) = (await line.until("response.done"))["response"]["output"]
        answer = {"type": "function_call_output", "call_id": call["call_id"], "output": "ok"}
        await line.say("conversation.item.create", item=answer)
        await line.say("response.create", response={"instructions": "Be brief."})
        done = await line.until("response.done")
        await line.speak(question())
        await line.until("input_audio_buffer.speech_started")
        where = {"item_id": done["response"]["output"][0]["id"], "content_index": 0}
        await line.say("conversation.item.truncate", **where, audio_end_ms=100)
        await line.until("conversation.item.truncated")
        sound = {"type": "input_audio", "audio": "AAAA" * 4000}
        item = {"type": "message", "role": "user", "content": [sound]}
        await line.say("conversation.item.create", item=item)
        await line.until("conversation.item.done")
        await line.configure(audio={"input": {"turn_detection": None}})
    (journal,) = tmp_path.glob("*.jsonl")
    assert list(Replay(journal).differences()) == []
    assert "AAAA" not in journal.read_text()
    kinds = {json.loads(one).get("event") for one in journal.read_text().splitlines()}
    assert {"PlanChanged", "AnswerWanted", "ToolAnswered", "CallerCut", "CallerAsked"} <= kinds


@pytest.mark.virtual_clock
async def test_another_model_goes_on_with_a_programs_call() -> None:
    async with stage() as set_, called(set_.house) as line:
        await line.configure(output_modalities=["text"], instructions="Be kind.")
        first = await ask(line, "Who are you?")
        assert first["output"][0]["content"][0]["text"] == "Anna answers the line 1."
        await set_.stop(0)
        second = await ask(line, "And now?")
        assert second["output"][0]["content"][0]["text"] == "Bert answers the line 2."
        (situation,) = set_.clerks[1].told
        assert "Be kind." in situation.instructions
        words = [one.text for one in situation.lines if isinstance(one, Heard | Said)]
        assert words[0] == "Who are you?"
        assert "Anna answers the line 1." in words
        assert words[-1] == "And now?"


@pytest.mark.virtual_clock
async def test_an_answer_that_breaks_off_with_its_model_goes_on_as_the_same_one() -> None:
    async with stage() as set_, called(set_.house) as line:
        await line.speak(speech())
        await line.until("response.output_audio.delta")
        await set_.stop(0)
        await line.until("response.done")
        begun = [event["response"]["id"] for event in line.all("response.created")]
        ended = [event["response"]["id"] for event in line.all("response.done")]
        assert begun[: len(ended)] == ended
        again = await ask(line, "And now?")
        assert again["output"][0]["content"][0]["transcript"].startswith("Bert")


@pytest.mark.virtual_clock
async def test_with_no_model_left_the_client_is_told_and_the_socket_is_closed() -> None:
    async with stage(patience_s=3) as set_, called(set_.house) as line:
        await line.configure(output_modalities=["text"])
        await ask(line, "Who are you?")
        await set_.stop(1)
        await set_.stop(0)
        error = await line.until("error", error=True)
        assert error["error"]["code"] == "assistant_lost"
        await line.socket.wait_closed()
        assert line.socket.close_code == 1000
