"""Long calls: what a call keeps of its turns has a bound, counted in entries of all its tables."""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any

from audio.pcm import silence
from gateway.assistants.realtime import Realtime
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.machine import Call
from gateway.call.plan import Plan
from gateway.callers.dialect import Reply, facts
from gateway.callers.realtime import Offer, RealtimeDialect
from gateway.callers.realtime.conversation import KEPT
from gateway.redaction.detect import NOTHING
from gateway.taps.books import Books, Heading
from gateway.taps.discretion import Discretion
from gateway.taps.journal import Journal
from gateway.taps.transcripts import Transcripts

PIECE_MS = 100  # of the caller's sound
SOUND = base64.b64encode(bytes(9_600)).decode()  # 200 ms
LEFT_OUT = (ModuleType, FunctionType, MethodType, type, Plan)  # alike for all calls


def parts(one: object) -> Iterator[object]:
    """What an object holds of its own."""
    if isinstance(one, dict):
        yield from one.keys()
        yield from one.values()
    elif isinstance(one, list | tuple | set | frozenset | deque):
        yield from one
    else:
        yield from getattr(one, "__dict__", {}).values()
        for kind in type(one).__mro__:
            for name in getattr(kind, "__slots__", ()):
                yield getattr(one, name, None)


def entries(*roots: object) -> int:
    """Of all the tables that can be reached from there."""
    seen: dict[int, object] = {}
    todo, found = list(roots), 0
    while todo:
        one = todo.pop()
        if id(one) in seen or isinstance(one, LEFT_OUT):
            continue
        seen[id(one)] = one
        found += len(one) if isinstance(one, dict | list | set | deque) else 0
        todo += parts(one)
    return found


class Line:
    """A client of the Realtime protocol, the call, and a model's server, in virtual time.

    With all that is written down of it, in a folder.
    """

    def __init__(self, folder: Path) -> None:
        self.dialect = RealtimeDialect(Offer(Plan(call_id="call_0123"), "gpt-realtime"), "tag")
        self.plan = self.dialect.begin()
        self.call = Call(self.plan)
        self.model = Realtime(self.plan.format)
        self.taps = (
            Journal(folder / "call.jsonl", self.plan),
            Discretion(self.plan, NOTHING, Transcripts(folder / "said.jsonl", self.plan)),
            Discretion(self.plan, NOTHING, Books(lambda write: None, self.plan, Heading())),
        )
        self.now = self.turns = 0
        self.feed(on.CallerJoined())
        transcribed = {"input": {"transcription": {"model": "gpt-transcribe"}}}
        self.client("session.update", session={"type": "realtime", "audio": transcribed})
        self.server("session.created", session={"id": "sess_1", "model": "gpt-realtime"})

    @property
    def entries(self) -> int:
        """Of all tables on both sides of the call and in its middle."""
        return entries(self.call, self.dialect, self.model, self.taps)

    def feed(self, event: on.Event) -> None:
        for tap in self.taps:
            tap.event(event, self.now)
        for effect in self.call.handle(event, self.now):
            for tap in self.taps:
                tap.effect(effect, self.now)
            if isinstance(effect, do.ToCaller):
                list(self.dialect.encode(effect))
            elif isinstance(effect, do.ToAssistant):
                self.model.encode(effect)

    def client(self, kind: str, **fields: Any) -> None:
        for fact in facts(self.dialect.decode(json.dumps({"type": kind, **fields}))):
            if not isinstance(fact, Reply):
                self.feed(fact)

    def server(self, kind: str, **fields: Any) -> None:
        for fact in self.model.decode(json.dumps({"type": kind, **fields})):
            self.feed(fact)

    def wait(self, milliseconds: int) -> None:
        until = self.now + milliseconds * 1000
        while (deadline := self.call.deadline) is not None and deadline <= until:
            self.now = deadline
            self.feed(on.Tick())
        self.now = until

    def caller(self, milliseconds: int, *, voiced: bool) -> None:
        for _ in range(milliseconds // PIECE_MS):
            self.wait(PIECE_MS)
            self.feed(on.CallerAudio(silence(self.plan.rate * PIECE_MS // 1000), voiced))

    def asks(self) -> None:
        """The caller says something, which the model hears."""
        self.turns += 1
        self.caller(400, voiced=True)
        self.caller(700, voiced=False)
        item = {"id": f"user_{self.turns}", "type": "message", "role": "user", "content": []}
        self.server("input_audio_buffer.committed", item_id=item["id"])
        self.server("conversation.item.added", item=item)
        kind = "conversation.item.input_audio_transcription.completed"
        self.server(kind, item_id=item["id"], transcript=f"What is {self.turns} by two?")

    def begins(self) -> dict[str, Any]:
        """An answer, as far as its first sound."""
        response, item = f"resp_{self.turns}", f"item_{self.turns}"
        self.server("response.created", response={"id": response})
        place = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
        self.server("response.content_part.added", part={"type": "audio"}, **place)
        self.server("response.output_audio_transcript.delta", delta="It is half", **place)
        self.server("response.output_audio.delta", delta=SOUND, **place)
        return place

    def ends(self, place: dict[str, Any], status: str = "completed") -> None:
        self.server("response.output_audio.done", **place)
        response = {"id": place["response_id"], "status": status}
        self.server("response.done", response=response)
        self.wait(400)

    def talks(self, turns: int) -> None:
        """So many questions; every third answer is interrupted, and the client says where."""
        for _ in range(turns):
            for tap in self.taps:
                tap.flush()
            self.asks()
            place = self.begins()
            if self.turns % 3:
                self.ends(place)
                continue
            self.caller(400, voiced=True)
            cut = {"item_id": place["item_id"], "content_index": 0, "audio_end_ms": 100}
            self.client("conversation.item.truncate", **cut)
            self.ends(place, "cancelled")
            self.caller(700, voiced=False)
            self.server("input_audio_buffer.committed", item_id=f"again_{self.turns}")
            self.server("response.created", response={"id": f"more_{self.turns}"})
            self.server("response.done", response={"id": f"more_{self.turns}"})


def test_what_is_kept_of_a_turn_is_little_and_from_some_length_on_nothing(tmp_path: Path) -> None:
    line = Line(tmp_path)
    held = []
    for turns in (20, 30, 350, 150):
        line.talks(turns)
        held.append(line.entries)
    early, later, full, last = held
    for tap in line.taps:
        tap.close()
    assert later - early < 30 * 16
    assert last <= full * 1.02


def test_the_latest_items_of_a_long_call_can_be_named_and_those_before_them_not() -> None:
    dialect = RealtimeDialect(Offer(Plan(), "gpt-realtime"), "tag")
    dialect.begin()
    names = [f"item_{number}" for number in range(KEPT + 1)]
    for name in names:
        list(dialect.encode(do.ShowTurn("committed", name)))

    def answer(kind: str, name: str) -> Any:
        (fact,) = facts(dialect.decode(json.dumps({"type": kind, "item_id": name})))
        return json.loads(fact.said()) if isinstance(fact, Reply) else fact

    for name in names[1:]:
        assert isinstance(answer("conversation.item.retrieve", name), on.CallerAsked)
        assert isinstance(answer("conversation.item.delete", name), on.CallerAsked)
    refused = answer("conversation.item.delete", names[0])
    assert refused["error"]["code"] == "item_delete_invalid_item_id"
