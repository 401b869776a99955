"""Words are told while they are still being spoken, as far as they are certain."""

from __future__ import annotations

TOLD = "conversation.item.input_audio_transcription"


async def spoken(stage: Any, speech: bytes, detection: Any) -> list[dict[str, Any]]:
    """What comes while a long sentence is being spoken and after it."""
    async with stage() as s, s.client() as client:
        heard = {"transcription": {"model": "whisper-1"}, "turn_detection": detection}
        await client.update(audio={"input": heard})
        for at in range(0, len(speech), 9_600):
            await client.append(speech[at : at + 9_600])
            await client.drain()  # lets the ears have a look
        if detection is None:
            await client.send("input_audio_buffer.commit")
        while not any(e["type"] == f"{TOLD}.completed" for e in client.events):
            await client.receive()
        return list(client.events)


async def check(stage: Any, speech: bytes, detection: Any) -> None:
    events = await spoken(stage, speech, detection)
    kinds = [event["type"] for event in events]
    committed = kinds.index("input_audio_buffer.committed")
    first = kinds.index(f"{TOLD}.delta")
    assert first < committed, "told before the turn was over"
    deltas = [e for e in events if e["type"] == f"{TOLD}.delta"]
    (done,) = [e for e in events if e["type"] == f"{TOLD}.completed"]
    assert {e["item_id"] for e in deltas} == {done["item_id"], events[committed]["item_id"]}
    assert "".join(e["delta"] for e in deltas) == done["transcript"] == "Where is my order?"


async def test_words_come_before_the_client_commits(stage: Any, long_speech: bytes) -> None:
    await check(stage, long_speech, None)


async def test_words_come_before_the_server_ends_the_turn(stage: Any, long_speech: bytes) -> None:
    await check(stage, long_speech, {"type": "server_vad"})


async def test_nobody_is_told_who_did_not_ask(stage: Any, long_speech: bytes) -> None:
    async with stage() as s, s.client() as client:
        await client.append(long_speech)
        await client.until("response.done")
        assert not [e for e in client.events if e["type"].startswith(TOLD)]
