"""Items over the front door: made, read, placed, removed; and clients of the Beta shape."""

from __future__ import annotations

from typing import Any

from gateway.embedded.parts import Heard, Said, Say, Told
from tests.front_door.line import Line, Script, called, speech
from tests.house import open_house


async def make(line: Line, item_id: str, role: str, text: str, **where: Any) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    item = {"type": "message", "role": role, "id": item_id, "content": content}
    await line.say("conversation.item.create", item=item, **where)
    await line.until("conversation.item.added")
    return await line.until("conversation.item.done")


async def test_items_are_made_placed_read_and_removed() -> None:
    mind = Script([Say("Yes.")])
    async with open_house(mind) as house, called(house) as line:
        await line.configure(output_modalities=["text"])
        first = await make(line, "one", "user", "First.")
        assert first["previous_item_id"] is None
        third = await make(line, "three", "assistant", "Third.")
        assert third["previous_item_id"] == "one"
        second = await make(line, "two", "user", "Second.", previous_item_id="one")
        assert second["previous_item_id"] == "one"
        root = await make(line, "zero", "system", "Zeroth.", previous_item_id="root")
        assert root["previous_item_id"] is None
        await line.say("conversation.item.retrieve", item_id="two")
        read = await line.until("conversation.item.retrieved")
        assert read["item"]["content"][0]["text"] == "Second."
        await line.say("conversation.item.delete", item_id="one")
        assert (await line.until("conversation.item.deleted"))["item_id"] == "one"
        await line.say("conversation.item.delete", item_id="one", event_id="again")
        assert (await line.error())["code"] == "item_delete_invalid_item_id"
        item = {"type": "message", "role": "user", "id": "two", "content": []}
        await line.say("conversation.item.create", item=item, event_id="twice")
        assert (await line.error())["event_id"] == "twice"
        await line.say("response.create")
        await line.until("response.done")
        assert mind.asked[0].lines == (Told("Zeroth."), Heard("Second."), Said("Third.", False))


async def test_a_spoken_turn_is_read_and_removed_under_the_name_that_was_told() -> None:
    mind = Script([Say("Yes.")], [Say("No.")])
    async with open_house(mind) as house, called(house) as line:
        await line.configure(audio={"input": {"transcription": {"model": "gpt-transcribe"}}})
        await line.speak(speech())
        committed = await line.until("input_audio_buffer.committed")
        await line.until("response.done")
        while not line.all("conversation.item.input_audio_transcription.completed"):
            await line.recv()
        await line.say("conversation.item.retrieve", item_id=committed["item_id"])
        read = (await line.until("conversation.item.retrieved"))["item"]
        assert read["id"] == committed["item_id"]
        assert read["content"][0]["transcript"].startswith("I spoke for")
        assert "audio" not in read["content"][0]
        await line.say("conversation.item.delete", item_id=committed["item_id"])
        await line.until("conversation.item.deleted")
        await line.say("response.create")
        await line.until("response.done")
        assert [type(one) for one in mind.asked[1].lines] == [Said]


async def test_the_answer_to_one_request_is_made_of_other_items() -> None:
    mind = Script([Say("Yes.")], [Say("No.")])
    async with open_house(mind) as house, called(house) as line:
        await line.configure(output_modalities=["text"])
        await make(line, "one", "user", "First.")
        await make(line, "two", "user", "Second.")
        content = [{"type": "input_text", "text": "Only this."}]
        only = [{"type": "item_reference", "id": "two"}]
        only.append({"type": "message", "role": "user", "content": content})  # type: ignore[dict-item]
        await line.say("response.create", response={"input": only})
        await line.until("response.done")
        assert mind.asked[0].lines == (Heard("Second."), Heard("Only this."))


async def test_tools_for_one_answer_stand_beside_the_gateways() -> None:
    from tests.front_door.test_clients import SHOW_MAP, look_up

    mind = Script([Say("Yes.")])
    async with open_house(mind, [look_up]) as house, called(house) as line:
        await line.say("response.create", response={"tools": [SHOW_MAP], "tool_choice": "auto"})
        await line.until("response.done")
        assert {one.name for one in mind.asked[0].functions} == {"look_up", "show_map"}


async def test_a_client_of_the_beta_shape_is_spoken_to_in_it() -> None:
    beta = {"additional_headers": {"OpenAI-Beta": "realtime=v1"}}
    mind = Script([Say("Yes.")])
    async with open_house(mind) as house, called(house, **beta) as line:
        line.typed = False
        created = await line.until("session.created")
        assert created["session"]["input_audio_format"] == "pcm16"
        await line.until("conversation.created")
        session = {"voice": "cedar", "modalities": ["text", "audio"], "temperature": 0.8}
        await line.say("session.update", session=session)
        updated = await line.until("session.updated")
        assert updated["session"]["voice"] == "cedar"
        await line.speak(speech())
        done = (await line.until("response.done"))["response"]
        assert done["output"][0]["content"] == [{"type": "audio", "transcript": "Yes."}]
        assert line.all("response.audio.delta")
        assert line.all("response.audio_transcript.delta")
        assert line.all("conversation.item.created")
        assert not line.all("conversation.item.added")
        await line.say("session.update", session={"type": "realtime"}, event_id="ga")
        assert (await line.error())["code"] == "unknown_parameter"
