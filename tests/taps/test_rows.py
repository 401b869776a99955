"""Rows: a line without words is spelled as everything else is, only sooner."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from gateway.call.effects import Configure, Effect, ShowWords
from gateway.call.events import AssistantWords, CallerWords, Event
from gateway.taps.rows import NUMBERS, PLAIN, SPELT, encode, line_of, spelt

KINDS = (*get_args(Event), *get_args(Effect))
SOUND = bytes(640)


def example(kind: type, said: str) -> Any:
    """One of this kind; what anybody may have said in it is this."""
    values = {}
    for name, hint in get_type_hints(kind).items():
        if is_dataclass(hint):
            values[name] = hint()  # type: ignore[operator]
        elif get_origin(hint) is Literal:
            values[name] = get_args(hint)[0]
        elif hint is str:
            values[name] = 'an "item" ü\n' if name in PLAIN else said
        else:
            plain = {int: 480, float: 0.5, bool: True, bytes: SOUND}
            values[name] = plain[hint] if hint in plain else () if "tuple" in str(hint) else {}
    return kind(**values)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_line_has_all_fields_in_their_order_and_of_sound_its_length(kind: type) -> None:
    what = example(kind, "")
    way = "event" if kind in get_args(Event) else "effect"
    line = SPELT[kind](what, 20_000, 2)
    if line is None:
        line = encode(line_of(what, 20_000, 2)) + b"\n"
    told = json.loads(line)
    names = [one.name for one in fields(kind) if kind is not Configure]
    assert list(told) == ["t", way, *names]
    assert told == json.loads(encode(line_of(what, 20_000, 2)))
    assert told[way] == kind.__name__
    assert told.get("pcm") in (None, 320)
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_anybody_has_said_is_not_spelled_before_it_was_looked_at(kind: type) -> None:
    line = SPELT[kind](example(kind, "four one"), 0, 2)
    assert line is None or b"four one" not in line


@pytest.mark.parametrize("kind", [CallerWords, AssistantWords, ShowWords])
def test_of_what_is_said_the_text_alone_is_looked_at(kind: type) -> None:
    hints = get_type_hints(kind)
    assert {name for name, hint in hints.items() if not (name in PLAIN or hint in NUMBERS)} == {
        "text"
    }
    assert json.loads(spelt(example(kind, "hello"), 7))["text"] == "hello"
