"""The leg against the server that ships with Trunkline, which shares no code of the protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from audio.format import pcm16
from audio.tone import sine
from gateway.assistants.live import probe
from gateway.assistants.openai import open_leg
from gateway.assistants.target import Target
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.plan import Plan, ToolSpec
from gateway.embedded.faults import Faults
from gateway.embedded.parts import CallPiece, Say, Situation, Thought
from gateway.embedded.server import Assistant, ServerOptions, serve
from gateway.private import Private

Events = asyncio.Queue[on.Event]
KEY = "sk-embedded-0123456789"
TOOL = ToolSpec("find", "Finds an order.", {"type": "object", "properties": {}})


class Ears:
    async def transcribe(self, pcm: bytes) -> str:
        return "Where is my order?"

    async def close(self) -> None:
        pass


class Mind:
    """Says a word; where there is a function, calls it first."""

    async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
        if situation.functions and situation.lines[-1].__class__.__name__ == "Heard":
            yield CallPiece(0, situation.functions[0].name, '{"id":')
            yield CallPiece(0, situation.functions[0].name, '"7"}')
        else:
            yield Say("It is on its way.")

    async def close(self) -> None:
        pass


class Mouth:
    async def speak(
        self, text: str, *, voice: str = "", speed: float = 1.0
    ) -> AsyncIterator[bytes]:
        for _ in range(5):
            yield sine(300.0, 0.1, 24_000)

    async def close(self) -> None:
        pass


ASSISTANT = Assistant(Ears(), Mind(), Mouth())


async def until(events: Events, kind: type[Any], seen: list[on.Event]) -> Any:
    async with asyncio.timeout(20):
        while True:
            seen.append(await events.get())
            if isinstance(seen[-1], kind):
                return seen[-1]


@pytest.mark.parametrize("kind", ["embedded", "openai", "azure", "azure-preview", "beta"])
async def test_every_kind_of_target_passes_the_live_check(kind: Any) -> None:
    options = ServerOptions(keys=frozenset({KEY}))
    async with serve(ASSISTANT, options=options) as address:
        root = address.base_url.removesuffix("/v1")
        base_url = root if kind.startswith("azure") else address.base_url
        asked: dict[str, Any] = {"kind": "compatible", "provider": kind} if kind == "beta" else {}
        # Nobody tells this server by its row that its client speaks Beta: only a header does.
        headers = {"OpenAI-Beta": "realtime=v1"} if kind == "beta" else {}
        target = Target(
            **{"kind": kind, **asked},
            base_url=base_url,
            model="m",
            api_key=Private(KEY),
            headers=headers,
        )
        found = await probe(target)
    assert [(one.subject, one.status) for one in found] == [
        ("connect", "ok"),
        ("session", "ok"),
        ("text", "ok"),
        ("audio", "ok"),
    ], found


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000])
async def test_a_call_with_a_function_in_between(rate: int) -> None:
    events: Events = asyncio.Queue()
    seen: list[on.Event] = []
    async with serve(ASSISTANT) as address:
        leg = open_leg(Target("embedded", address.base_url), pcm16(rate))
        task = asyncio.create_task(leg.run(events.put_nowait))
        await until(events, on.AssistantReady, seen)
        leg.send(do.Configure(Plan(rate=rate, tools=(TOOL,), transcription="any")))
        leg.send(do.SendAudio(sine(300.0, 1.0, rate)))
        leg.send(do.Commit())
        leg.send(do.Respond())
        ended = await until(events, on.ResponseEnded, seen)
        assert [(call.name, call.arguments) for call in ended.calls] == [("find", '{"id":"7"}')]
        leg.send(do.SendToolOutput(ended.calls[0].call_id, '{"status":"shipped"}'))
        leg.send(do.Respond())
        heard: list[on.Event] = []
        ended = await until(events, on.ResponseEnded, heard)
        leg.close("the caller hung up")
        await task
    assert ended.status == "completed"
    assert ended.usage.output_audio > 0
    items = {e.item_id for e in heard if isinstance(e, on.AssistantAudio)}
    assert len(items) == 1
    samples = sum(len(e.pcm) // 2 for e in heard if isinstance(e, on.AssistantAudio))
    assert samples == pytest.approx(rate // 2, abs=2)
    assert "".join(e.text for e in heard if isinstance(e, on.AssistantWords)).strip()
    assert [e for e in seen + heard if isinstance(e, on.AssistantRefused)] == []
    assert not [e for e in seen + heard if isinstance(e, on.AssistantLost)]


async def test_what_was_not_heard_is_truncated_in_the_right_item() -> None:
    events: Events = asyncio.Queue()
    seen: list[on.Event] = []
    async with serve(ASSISTANT) as address:
        leg = open_leg(Target("embedded", address.base_url), pcm16(24_000))
        task = asyncio.create_task(leg.run(events.put_nowait))
        await until(events, on.AssistantReady, seen)
        leg.send(do.Configure(Plan()))
        leg.send(do.SendText("Hello?"))
        leg.send(do.Respond())
        await until(events, on.ResponseEnded, seen)
        item_id = next(e.item_id for e in seen if isinstance(e, on.AssistantAudio))
        leg.send(do.Truncate(item_id, 99 * 24_000))  # far beyond what came: clamped
        leg.send(do.Truncate(item_id, 4_800))
        leg.send(do.Delete(item_id))
        leg.send(do.Delete("item_nobody_knows"))
        refused = await until(events, on.AssistantRefused, seen)
        leg.close("enough")
        await task
    assert (refused.code, refused.request) == (
        "item_delete_invalid_item_id",
        "conversation.item.delete-7",
    )


async def test_a_session_that_expires_is_lost_in_words() -> None:
    events: Events = asyncio.Queue()
    seen: list[on.Event] = []
    options = ServerOptions(faults=Faults(expire_ms=50))
    async with serve(ASSISTANT, options=options) as address:
        await open_leg(Target("embedded", address.base_url), pcm16(24_000)).run(events.put_nowait)
    lost = await until(events, on.AssistantLost, seen)
    assert "the session reached its longest duration" in lost.reason
    assert events.empty()


async def test_a_wrong_key_is_told_in_words() -> None:
    events: Events = asyncio.Queue()
    async with serve(ASSISTANT, options=ServerOptions(keys=frozenset({KEY}))) as address:
        wrong = Target("openai", address.base_url, api_key=Private("sk-wrong-000000"))
        await open_leg(wrong, pcm16(24_000)).run(events.put_nowait)
    lost = events.get_nowait()
    assert isinstance(lost, on.AssistantLost)
    assert "the key was refused" in lost.reason
    assert "sk-wrong" not in lost.reason
