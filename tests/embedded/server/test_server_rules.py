"""What the server refuses, how responses end, and what they cost."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from gateway.embedded.answers import Limits
from gateway.embedded.parts import CallPiece, Heard, Said, Say
from gateway.embedded.server import ServerOptions

MANUAL = {"input": {"turn_detection": None}}


async def refused(client: Any, code: str) -> dict[str, Any]:
    error: dict[str, Any] = (await client.until("error"))[-1]["error"]
    assert error["code"] == code, error
    return error


async def test_broken_messages_are_answered_and_the_socket_stays(stage: Any) -> None:
    async with stage() as s, s.client() as client:
        await client.receive()
        for raw, code in [
            ("{", "invalid_json"),
            ("[" * 100_000, "invalid_json"),
            ("[]", "invalid_event"),
            ("3", "invalid_event"),
            (b"\x00\x01\x02", "invalid_event"),
            ("{}", "invalid_event"),
            ('{"type": "foo", "x": ' + "[" * 900 + "]" * 900 + "}", "invalid_json"),
            ('{"type": 3}', "invalid_type"),
            ('{"type": "foo"}', "invalid_value"),
            ('{"type": "transcription_session.update"}', "invalid_value"),
            ('{"type": "response.create", "event_id": 3}', "invalid_value"),
            ('{"type": "input_audio_buffer.append"}', "missing_required_parameter"),
            ('{"type": "input_audio_buffer.append", "audio": 3}', "invalid_type"),
            ('{"type": "input_audio_buffer.append", "audio": "*"}', "invalid_value"),
            ('{"type": "output_audio_buffer.clear"}', "invalid_event_for_transport"),
        ]:
            await client.socket.send(raw)
            await refused(client, code)
        await client.send("foo", event_id="mine")
        error = await refused(client, "invalid_value")
        assert error["event_id"] == "mine"
        assert error["message"].startswith("Invalid value: 'foo'. Supported values are: 'session.")
        await client.update(instructions="still here")


async def test_a_frame_of_sixteen_mebibytes_is_answered_and_the_socket_stays(stage: Any) -> None:
    async with stage() as s, s.client() as client:
        await client.receive()
        await client.send("input_audio_buffer.append", audio="A" * (15 * 1024 * 1024 + 4))
        await refused(client, "string_above_max_length")
        await client.send("conversation.item.create", item="A" * (16 * 1024 * 1024))
        await refused(client, "string_above_max_length")
        await client.update(instructions="still here")


async def test_a_refused_update_changes_nothing(stage: Any) -> None:
    async with stage() as s, s.client() as client:
        before = (await client.receive())["session"]
        change = {"type": "realtime", "instructions": "x", "colour": "red"}
        await client.send("session.update", session=change, event_id="u1")
        error = await refused(client, "unknown_parameter")
        assert (error["message"], error["event_id"]) == (
            "Unknown parameter: 'session.colour'.",
            "u1",
        )
        await client.send("session.update", session={"instructions": "x"})
        await refused(client, "missing_required_parameter")
        assert await client.update() == before


async def test_too_little_audio_cannot_be_committed(stage: Any) -> None:
    async with stage() as s, s.client() as client:
        await client.receive()
        await client.send("input_audio_buffer.commit")
        error = await refused(client, "input_audio_buffer_commit_empty")
        assert error["message"] == (
            "Error committing input audio buffer: buffer too small. Expected at least 100ms of "
            "audio, but buffer only has 0.00ms of audio."
        )
        await client.append(bytes(99 * 48))
        await client.send("input_audio_buffer.commit")
        await refused(client, "input_audio_buffer_commit_empty")
        await client.append(bytes(48))
        await client.ask("input_audio_buffer.commit", "conversation.item.done")
        await client.append(bytes(4800))
        await client.ask("input_audio_buffer.clear", "input_audio_buffer.cleared")
        await client.send("input_audio_buffer.commit")
        await refused(client, "input_audio_buffer_commit_empty")


async def test_one_response_at_a_time_and_cancelling_ends_it_once(stage: Any) -> None:
    async with stage([[Say("A long answer to a short question.")]]) as s, s.client() as client:
        await client.receive()
        s.mouth.pause_after = 2
        await client.say("Well?")
        created = (await client.until("response.created"))[-1]["response"]
        await client.until("response.output_audio.delta")
        await client.send("response.create", event_id="again")
        error = await refused(client, "conversation_already_has_active_response")
        assert error["event_id"] == "again"
        assert created["id"] in error["message"]
        await client.send("response.cancel", response_id="resp_other")
        await refused(client, "response_cancel_not_active")
        done = (await client.ask("response.cancel", "response.done"))["response"]
        assert (done["id"], done["status"]) == (created["id"], "cancelled")
        assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        s.mouth.go.set()
        s.mouth.pause_after = None
        await client.until("rate_limits.updated")
        assert await client.drain() == []
        assert s.mind.running == s.mouth.running == 0
        await client.send("response.create")
        assert (await client.until("response.done"))[-1]["response"]["status"] == "completed"


async def test_items_are_placed_retrieved_and_deleted_by_id(stage: Any) -> None:
    async with stage() as s, s.client() as client:
        await client.receive()

        async def create(item_id: str, **where: Any) -> Any:
            content = [{"type": "input_text", "text": item_id}]
            item = {"id": item_id, "type": "message", "role": "user", "content": content}
            await client.send("conversation.item.create", item=item, **where)
            return (await client.until("conversation.item.done"))[-1]["previous_item_id"]

        assert await create("a") is None
        assert await create("b") == "a"
        assert await create("c", previous_item_id="root") is None
        assert await create("d", previous_item_id="a") == "a"
        got = await client.ask(
            "conversation.item.retrieve", "conversation.item.retrieved", item_id="d"
        )
        assert got["item"]["content"] == [{"type": "input_text", "text": "d"}]
        gone = await client.ask(
            "conversation.item.delete", "conversation.item.deleted", item_id="d"
        )
        assert gone["item_id"] == "d"
        for kind in ("retrieve", "delete", "truncate"):
            await client.send(f"conversation.item.{kind}", item_id="d")
            await refused(client, f"item_{kind}_invalid_item_id")
        output = {"type": "function_call_output", "call_id": "call_x", "output": ""}
        await client.send("conversation.item.create", item=output)
        await refused(client, "invalid_tool_call_id")
        await client.ask("response.create", "response.done")
        assert s.mind.situations[0].lines == (Heard("c"), Heard("a"), Heard("b"))


async def test_a_text_answer_has_no_audio(stage: Any) -> None:
    async with stage([[Say("Hello."), Say("How are you?")]]) as s, s.client() as client:
        await client.receive()
        await client.update(output_modalities=["text"])
        client.events.clear()
        await client.say("Hi.")
        done = (await client.until("response.done"))[-1]["response"]
        kinds = [e["type"] for e in client.events if e["type"].startswith("response.")]
        assert kinds == [
            "response.created",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.done",
        ]
        text = {"type": "output_text", "text": "Hello. How are you?"}
        assert done["output"][0]["content"] == [text]
        assert done["usage"]["output_token_details"] == {"text_tokens": 5, "audio_tokens": 0}
        assert s.mouth.spoken == []


async def test_a_spoken_preamble_is_an_item_before_the_call(stage: Any) -> None:
    turn = [Say("Let me look."), CallPiece(0, "look", "{}"), CallPiece(1, "look", "{}")]
    async with stage([[*turn], [*turn]]) as s, s.client() as client:
        await client.receive()
        await client.say("Where is it?")
        done = (await client.until("response.done"))[-1]["response"]
        kinds = [item["type"] for item in done["output"]]
        assert kinds == ["message", "function_call", "function_call"]
        names = [e for e in client.events if e["type"].endswith("arguments.done")]
        assert [e["output_index"] for e in names] == [1, 2]
        await client.until("rate_limits.updated")
        await client.update(parallel_tool_calls=False)
        await client.send("response.create")
        done = (await client.until("response.done"))[-1]["response"]
        assert [item["type"] for item in done["output"]] == ["message", "function_call"]


async def test_an_answer_that_is_too_long_is_incomplete(stage: Any) -> None:
    async with stage([[Say("One."), Say("Two two two two two two.")]]) as s, s.client() as client:
        await client.receive()
        await client.update(max_output_tokens=16)
        await client.say("Count.")
        done = (await client.until("response.done"))[-1]["response"]
        assert done["status"] == "incomplete"
        assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
        assert done["output"][0]["status"] == "incomplete"
        assert sum(done["usage"]["output_token_details"].values()) <= 16
        assert s.mind.situations[0].max_tokens == 16
        while s.mouth.running:
            await asyncio.sleep(0)


async def test_the_voice_is_fixed_once_it_was_heard_and_the_speed_is_not(stage: Any) -> None:
    async with stage() as s, s.client() as client:
        await client.receive()
        await client.update(audio={"output": {"voice": "echo", "speed": 1.25}})
        await client.say("Hi.")
        await client.until("rate_limits.updated")
        assert s.mouth.spoken == [("Yes.", "echo", 1.25)]
        await client.send(
            "session.update",
            session={"type": "realtime", "audio": {"output": {"voice": "ash"}}},
        )
        await refused(client, "cannot_update_voice")
        await client.send("response.create", response={"audio": {"output": {"voice": "ash"}}})
        await refused(client, "cannot_update_voice")
        await client.update(audio={"output": {"speed": 0.5}})


async def test_usage_is_counted_at_the_documented_rates(stage: Any, speech: bytes) -> None:
    turns = [[Say("Your order is on its way.")], [Say("Yes.")]]
    async with stage(turns) as s, s.client() as client:
        await client.receive()
        await client.update(instructions="x" * 41, audio=MANUAL)
        await client.append(speech)
        await client.ask("input_audio_buffer.commit", "conversation.item.done")
        await client.send("response.create")
        first = (await client.until("response.done"))[-1]["response"]["usage"]
        heard = -(-len(speech) // 4800)
        spoken = "Your order is on its way."
        assert first["input_token_details"]["audio_tokens"] == heard
        assert first["input_token_details"]["text_tokens"] == 11
        assert first["input_token_details"]["cached_tokens"] == 0
        assert first["output_token_details"] == {"text_tokens": 7, "audio_tokens": len(spoken)}
        limits = (await client.until("rate_limits.updated"))[-1]["rate_limits"][0]
        assert limits["remaining"] == 40_000 - first["total_tokens"]
        await client.say("And?")
        second = (await client.until("response.done"))[-1]["response"]["usage"]
        cached = second["input_token_details"]["cached_tokens_details"]
        assert cached == {"text_tokens": 11, "audio_tokens": heard, "image_tokens": 0}
        assert second["input_tokens"] == first["total_tokens"] + 1


@pytest.mark.parametrize("part", ["mind", "mouth", "ears"])
async def test_a_part_that_breaks_fails_one_response(
    stage: Any, speech: bytes, part: str, caplog: Any
) -> None:
    async with stage() as s, s.client() as client:
        await client.receive()
        s.mind.turns = [[RuntimeError("boom")]] if part == "mind" else []
        s.mouth.error = RuntimeError("boom") if part == "mouth" else None
        s.ears.error = RuntimeError("boom") if part == "ears" else None
        await client.update(audio={"input": {"transcription": {"model": "m"}}})
        await client.append(speech)
        events = await client.until("response.done")
        done = events[-1]["response"]
        assert done["status"] == "failed"
        assert done["status_details"]["error"]["code"] == "server_error"
        assert "boom" not in str(done)
        failed = [e for e in events if e["type"].endswith("transcription.failed")]
        assert len(failed) == (part == "ears")
        assert done["usage"]["total_tokens"] >= 0
        s.mouth.error = s.ears.error = None
        await client.until("rate_limits.updated")
        await client.send("response.create")
        assert (await client.until("response.done"))[-1]["response"]["status"] == "completed"
        assert s.mind.running == s.mouth.running == 0


async def test_the_oldest_items_leave_a_full_window(stage: Any) -> None:
    options = ServerOptions(limits=Limits(window=30))
    async with stage(options=options) as s, s.client() as client:
        await client.receive()
        await client.update(output_modalities=["text"])
        for text in ("a" * 60, "b" * 60):
            await client.say(text)
            await client.until("rate_limits.updated")
        assert s.mind.situations[1].lines == (Said("Yes."), Heard("b" * 60))
        await client.update(truncation="disabled")
        await client.say("c" * 60)
        done = (await client.until("response.done"))[-1]["response"]
        assert done["status"] == "failed"
        assert done["status_details"]["error"]["code"] == "context_length_exceeded"


async def test_the_choice_of_tools_reaches_the_mind(stage: Any) -> None:
    async with stage() as s, s.client() as client:
        await client.receive()
        tool = {
            "type": "function",
            "name": "f",
            "description": "d",
            "parameters": {"type": "object"},
        }
        await client.update(tools=[tool], tool_choice="required", instructions="I")
        await client.say("Go.")
        await client.until("rate_limits.updated")
        choice = {"type": "function", "name": "f"}
        wanted = {"tool_choice": choice, "tools": [], "instructions": "I\n\nNow.", "input": []}
        await client.ask("response.create", "response.done", response=wanted)
        first, second = s.mind.situations
        assert (first.choice, first.functions[0].description) == ("required", "d")
        assert (second.choice, second.functions, second.lines) == ("f", (), ())
        assert (second.request, second.instructions) == ("Now.", "I")


async def test_audio_in_an_item_is_recognised_unless_its_words_come_along(
    stage: Any, speech: bytes
) -> None:
    async with stage() as s, s.client() as client:
        await client.receive()
        audio = base64.b64encode(speech).decode()
        for part in ({"audio": audio}, {"audio": audio, "transcript": "As I said."}):
            content = [{"type": "input_audio"} | part]
            item = {"type": "message", "role": "user", "content": content}
            await client.ask("conversation.item.create", "conversation.item.done", item=item)
        await client.ask("response.create", "response.done")
        assert s.mind.situations[0].lines == (Heard("Where is my order?"), Heard("As I said."))


async def test_answers_out_of_band_are_cancelled_by_id_and_not_without_number(stage: Any) -> None:
    gate = asyncio.Event()
    async with stage([[gate]] * 16) as s, s.client() as client:
        await client.receive()
        content = [{"type": "input_text", "text": "Sort this."}]
        given = [{"type": "message", "role": "user", "content": content}]
        for _ in range(16):
            wanted = {"conversation": "none", "input": given}
            await client.ask("response.create", "response.created", response=wanted)
        await client.send("response.create", response={"conversation": "none"})
        await refused(client, "rate_limit_exceeded")
        await client.send("response.cancel")
        await refused(client, "response_cancel_not_active")
        first = next(e for e in client.events if e["type"] == "response.created")
        await client.send("response.cancel", response_id=first["response"]["id"])
        done = (await client.until("response.done"))[-1]["response"]
        assert (done["id"], done["status"]) == (first["response"]["id"], "cancelled")
        gate.set()
        rest = await client.until("response.done", 15)
        assert rest[-1]["response"]["status"] == "completed"
        assert s.mind.situations[1].lines == (Heard("Sort this."),)
        reference = [{"type": "item_reference", "id": "nothing"}]
        await client.send("response.create", response={"input": reference})
        await refused(client, "item_retrieve_invalid_item_id")
