"""Rows: what comes most often is spelled as everything else is, only sooner."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from gateway.call.effects import Effect, Play, SendAudio
from gateway.call.events import AssistantAudio, CallerAudio, CallerPlayed, Event, Tick
from gateway.taps.rows import SPELT

SOUND = bytes(640)
EXAMPLES: list[tuple[str, Event | Effect]] = [
    ("event", CallerAudio(SOUND, voiced=True)),
    ("event", CallerAudio(SOUND)),
    ("effect", SendAudio(SOUND)),
    ("event", AssistantAudio("resp_1", 'an "item"\n', SOUND)),
    ("effect", Play("item_ü", SOUND, 480, 2)),
    ("event", CallerPlayed("item_1", 480, 2)),
    ("event", Tick()),
]


@pytest.mark.parametrize(("way", "what"), EXAMPLES, ids=lambda one: type(one).__name__)
def test_a_line_has_all_fields_in_their_order_and_of_sound_its_length(
    way: str, what: Event | Effect
) -> None:
    line = json.loads(SPELT[type(what)](what, 20_000, 2))
    said = {one.name: getattr(what, one.name) for one in fields(what)}
    told = {k: len(v) // 2 if isinstance(v, bytes) else v for k, v in said.items()}
    expected = {"t": 20_000, way: type(what).__name__, **told}
    assert list(line.items()) == list(expected.items())


def test_every_spelling_has_an_example() -> None:
    assert {type(what) for _, what in EXAMPLES} == set(SPELT)
