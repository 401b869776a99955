"""Bad input over the front door: the documented error, the session goes on, the others as well."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.doors.front_door import LARGEST
from tests.front_door.line import called
from tests.house import PlainMind, open_house

TOO_LONG = 15 * 1024 * 1024 + 4

BAD = {
    "no JSON": ("{", "invalid_json", None),
    "JSON that is deeper than whatever walks through it": (
        '{"type":"conversation.item.create","item":' + "[" * 980 + "]" * 980 + "}",
        "invalid_json",
        None,
    ),
    "no object": ("[1]", "invalid_event", None),
    "no type": ('{"event_id":"e"}', "invalid_event", "e"),
    "a type that is none": ('{"type":7,"event_id":"e"}', "invalid_type", "e"),
    "a type that nobody knows": ('{"type":"session.destroy","event_id":"e"}', "invalid_value", "e"),
    "the Beta name of an event": (
        '{"type":"transcription_session.update","session":{},"event_id":"e"}',
        "invalid_value",
        "e",
    ),
    "an event id that is too long": (
        json.dumps({"type": "response.create", "event_id": "e" * 513}),
        "invalid_value",
        None,
    ),
    "a session without its type": (
        '{"type":"session.update","session":{"instructions":"x"},"event_id":"e"}',
        "missing_required_parameter",
        "e",
    ),
    "a key that nobody knows": (
        '{"type":"session.update","session":{"type":"realtime","x":1},"event_id":"e"}',
        "unknown_parameter",
        "e",
    ),
    "another kind of session": (
        '{"type":"session.update","session":{"type":"transcription"},"event_id":"e"}',
        "invalid_parameter",
        "e",
    ),
    "a server of tools": (
        '{"type":"session.update","session":{"type":"realtime","tools":[{"type":"mcp",'
        '"server_label":"x","server_url":"https://x.example"}]},"event_id":"e"}',
        "invalid_value",
        "e",
    ),
    "audio that is no base64": (
        '{"type":"input_audio_buffer.append","audio":"!","event_id":"e"}',
        "invalid_value",
        "e",
    ),
    "half a sample": (
        json.dumps({"type": "input_audio_buffer.append", "event_id": "e"})[:-1]
        + f',"audio":"{base64.b64encode(b"abc").decode()}"}}',
        "invalid_value",
        "e",
    ),
    "audio of the wrong kind": (
        '{"type":"input_audio_buffer.append","audio":7,"event_id":"e"}',
        "invalid_type",
        "e",
    ),
    "no audio": ('{"type":"input_audio_buffer.append"}', "missing_required_parameter", None),
    "an empty turn": (
        '{"type":"input_audio_buffer.commit","event_id":"e"}',
        "input_audio_buffer_commit_empty",
        "e",
    ),
    "another transport's event": (
        '{"type":"output_audio_buffer.clear","event_id":"e"}',
        "invalid_event_for_transport",
        "e",
    ),
    "an item that is none": (
        '{"type":"conversation.item.create","item":[],"event_id":"e"}',
        "invalid_type",
        "e",
    ),
    "an item of a kind that is not for clients": (
        '{"type":"conversation.item.create","item":{"type":"mcp_call"},"event_id":"e"}',
        "invalid_value",
        "e",
    ),
    "an item that the model refuses": (
        '{"type":"conversation.item.create","item":{"type":"message","role":"user"},"event_id":"e"}',
        "missing_required_parameter",
        "e",
    ),
    "an item behind one that nobody knows": (
        '{"type":"conversation.item.create","previous_item_id":"x","item":{"type":"message",'
        '"role":"user","content":[]},"event_id":"e"}',
        "item_create_invalid_previous_item_id",
        "e",
    ),
    "an item to read that nobody knows": (
        '{"type":"conversation.item.retrieve","item_id":"item_x","event_id":"e"}',
        "item_retrieve_invalid_item_id",
        "e",
    ),
    "an item to delete that nobody knows": (
        '{"type":"conversation.item.delete","item_id":"item_x","event_id":"e"}',
        "item_delete_invalid_item_id",
        "e",
    ),
    "an item to cut that nobody knows": (
        '{"type":"conversation.item.truncate","item_id":"item_x","content_index":0,'
        '"audio_end_ms":1,"event_id":"e"}',
        "item_truncate_invalid_item_id",
        "e",
    ),
    "a cut at no place": (
        '{"type":"conversation.item.truncate","item_id":"x","content_index":0,"audio_end_ms":"1",'
        '"event_id":"e"}',
        "invalid_type",
        "e",
    ),
    "an answer of wrong kinds": (
        '{"type":"response.create","response":{"output_modalities":["audio","text"]},'
        '"event_id":"e"}',
        "invalid_value",
        "e",
    ),
    "a spoken answer outside the conversation": (
        '{"type":"response.create","response":{"conversation":"none"},"event_id":"e"}',
        "invalid_value",
        "e",
    ),
    "nothing to cancel": (
        '{"type":"response.cancel","event_id":"e"}',
        "response_cancel_not_active",
        "e",
    ),
}


async def test_every_wrong_event_is_answered_and_the_session_goes_on() -> None:
    async with open_house(PlainMind("Yes.")) as house, called(house) as line:
        await line.until("session.created")
        for name, (message, code, event_id) in BAD.items():
            await line.socket.send(message)
            error = await line.error()
            assert (error["code"], error["event_id"]) == (code, event_id), (name, error)
            assert error["type"] == "invalid_request_error"
            assert error["message"]
        await line.say("response.create")
        done = await line.until("response.done")
        assert done["response"]["output"][0]["content"][0]["transcript"] == "Yes."


async def test_audio_over_fifteen_megabytes_is_refused_and_the_session_goes_on() -> None:
    async with open_house(PlainMind("Yes.")) as house, called(house) as line:
        await line.say("input_audio_buffer.append", audio="A" * TOO_LONG, event_id="long")
        error = await line.error()
        assert (error["code"], error["event_id"]) == ("string_above_max_length", "long")
        await line.say("response.create")
        assert (await line.until("response.done"))["response"]["status"] == "completed"


async def test_a_message_of_nearly_fifteen_megabytes_reaches_the_model() -> None:
    async with open_house(PlainMind("Yes.")) as house, called(house) as line:
        await line.say("response.create")
        await line.until("response.done")
        content = [{"type": "input_text", "text": "A" * (TOO_LONG - 4)}]
        item = {"type": "message", "role": "user", "content": content}
        await line.say("conversation.item.create", item=item)
        await line.until("conversation.item.done")
        await line.say("response.create")
        assert (await line.until("response.done"))["response"]["status"] == "completed"


async def test_a_frame_that_nobody_should_read_closes_that_call_and_no_other() -> None:
    async with open_house(PlainMind("Yes.")) as house, called(house) as good, called(house) as bad:
        await good.until("session.created")
        await bad.until("session.created")
        with suppress(ConnectionClosed):
            await bad.socket.send("x" * (LARGEST + 1))
        await bad.socket.wait_closed()
        assert bad.socket.close_code == 1009
        await good.say("response.create")
        assert (await good.until("response.done"))["response"]["status"] == "completed"


async def test_what_is_sent_before_the_greeting_is_read_after_it() -> None:
    async with open_house(PlainMind("Yes.")) as house, called(house) as line:
        await line.say("response.create")
        await line.until("response.done")
        assert line.kinds()[0] == "session.created"
        assert line.kinds()[1] == "response.created"


async def test_audio_that_comes_much_too_fast_is_dropped_and_the_client_is_told() -> None:
    async with open_house(PlainMind("Yes.")) as house, called(house) as line:
        await line.configure(audio={"input": {"turn_detection": None}})
        await line.speak(bytes(48_000 * 40))
        error = await line.error()
        assert error["code"] == "audio_too_fast"


async def test_a_client_that_leaves_in_the_middle_ends_its_call_alone() -> None:
    async with open_house(PlainMind("Yes.")) as house:
        async with called(house) as line:
            await line.say("response.create")
            await line.until("response.created")
        async with asyncio.timeout(5):
            while house.gateway.switchboard.statistics().live:
                await asyncio.sleep(0)
        async with called(house) as line:
            await line.say("response.create")
            assert (await line.until("response.done"))["response"]["status"] == "completed"


async def test_all_lines_are_busy() -> None:
    variables = {"TRUNKLINE_SERVER__MAX_CALLS": "1"}
    async with open_house(PlainMind("Yes."), variables=variables) as house, called(house) as line:
        await line.say("response.create")
        await line.until("response.done")
        with pytest.raises(InvalidStatus) as refused:
            await called(house).__aenter__()
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["retry-after"] == "10"
        async with called(house, subprotocols=["realtime"]) as other:
            error: Any = (await other.recv())["error"]
            assert error["code"] == "busy"
            with pytest.raises(ConnectionClosed) as closed:
                await other.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
