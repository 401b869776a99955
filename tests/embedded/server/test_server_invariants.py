"""Whatever a client does, in whatever order: what always holds of the events that it gets."""

from __future__ import annotations

import asyncio
import base64
import random
from collections import Counter
from typing import Any

import pytest
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from gateway.embedded.parts import CallPiece, Say
from gateway.protocol.wire import Refused

EVENTS: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
SPEECH = ["input_audio_buffer.append"] * 12
KINDS = [
    *SPEECH,
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.retrieve",
    "conversation.item.truncate",
    "conversation.item.delete",
    "response.create",
    "response.create",
    "response.cancel",
    "session.update",
]


class Guesser:
    """A client that does anything, with ids that it has seen."""

    def __init__(self, seed: int, speech: bytes) -> None:
        self.chance = random.Random(seed)
        self._speech = speech
        self._at = 0

    def event(self, seen: list[dict[str, Any]]) -> dict[str, Any]:
        kind = self.chance.choice(KINDS)
        ids = [e["item"]["id"] for e in seen if e["type"] == "conversation.item.added"]
        item_id = self.chance.choice([*ids[-4:], "nothing"])
        event: dict[str, Any] = {"type": kind, "item_id": item_id}
        if kind == "input_audio_buffer.append":
            piece = self._speech[self._at : self._at + 48 * self.chance.randrange(1, 600)]
            self._at = (self._at + len(piece)) % len(self._speech)
            event["audio"] = base64.b64encode(piece).decode()
        elif kind == "conversation.item.create":
            content = [{"type": "input_text", "text": "hello"}]
            event["item"] = {"type": "message", "role": "user", "content": content}
            event["previous_item_id"] = self.chance.choice([None, "root", item_id])
        elif kind == "conversation.item.truncate":
            event |= {"content_index": 0, "audio_end_ms": self.chance.randrange(0, 400)}
        elif kind == "response.create":
            event["response"] = self.chance.choice([{}, {"conversation": "none"}, {"input": []}])
        elif kind == "session.update":
            event["session"] = {"type": "realtime", "audio": {"input": self.detection()}}
        return event

    def detection(self) -> dict[str, Any]:
        policy = {"type": "server_vad", "interrupt_response": self.chance.random() < 0.7}
        return {
            "turn_detection": self.chance.choice([None, policy, {"type": "semantic_vad"}]),
            "transcription": self.chance.choice([None, {"model": "m"}]),
        }


def check(events: list[dict[str, Any]]) -> None:
    """Every response ends once and says nothing afterwards; every item is told of in order."""
    ended: set[str] = set()
    active: set[str] = set()
    created = Counter(e["response"]["id"] for e in events if e["type"] == "response.created")
    done = Counter(e["response"]["id"] for e in events if e["type"] == "response.done")
    assert created == done
    assert set(created.values()) <= {1}
    for event in events:
        kind = event["type"]
        if kind == "response.created" and event["response"]["conversation_id"]:
            assert not active
            active.add(event["response"]["id"])
        elif kind == "response.done":
            ended.add(event["response"]["id"])
            active.discard(event["response"]["id"])
            assert event["response"]["usage"] is not None
            for item in event["response"]["output"]:
                assert item["status"] in ("completed", "incomplete")
        elif "response_id" in event:
            assert event["response_id"] not in ended
    added = Counter(e["item"]["id"] for e in events if e["type"] == "conversation.item.added")
    finished = Counter(e["item"]["id"] for e in events if e["type"] == "conversation.item.done")
    assert added == finished
    assert set(added.values()) <= {1}


@pytest.mark.virtual_clock
@pytest.mark.parametrize("seed", range(12))
async def test_every_response_ends_once_whatever_a_client_does(
    session_without_socket: Any, speech: bytes, seed: int
) -> None:
    guesser = Guesser(seed, speech)
    async with session_without_socket() as (connection, emitted, mind):
        script = [[Say("Let me see."), CallPiece(0, "f", "{}")], [Say("Yes."), Say("No.")], []]
        script.append([RuntimeError("boom")])
        mind.turns = [guesser.chance.choice(script) for _ in range(300)]
        for _ in range(150):
            try:
                connection.handle(guesser.event(emitted))
            except Refused as refusal:
                EVENTS.validate_python(refusal.event() | {"event_id": "e"})
            for _ in range(guesser.chance.randrange(8)):
                await asyncio.sleep(0)
        await asyncio.sleep(1)  # of virtual time: all that runs comes to its end
        snapshot = list(emitted)
    for event in snapshot:
        EVENTS.validate_python({"event_id": "e"} | event)
    check(snapshot)
    assert sum(e["type"] == "response.created" for e in snapshot) > 5
