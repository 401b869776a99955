"""Rows: events and effects as lines of a journal.

A line in which nobody has said anything is spelled as soon as it happens, and its sound is held no
longer; one with words is a dictionary first, in which the veil covers what must not be read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

import msgspec

from gateway.call.effects import Effect, Play, SendAudio
from gateway.call.events import AssistantAudio, CallerAudio, Event

# What happened at a call time, and bytes a sample: its line, or nothing where words are in it.
Spelling = Callable[[Any, int, int], bytes | None]

_KEYS = """
    t event effect item_id call_id response_id request session_id event_id previous_item_id id
    type name model code status state role phase encoding voice language credential tenant key
    detector cut_by late eagerness prices transcription recording transcripts
"""
PLAIN = frozenset(_KEYS.split())  # keys of what nobody has said
NUMBERS = frozenset({int, float, bool})
LENGTH = "characters:"
AS_IS = frozenset({str, int, bool, float, type(None)})
MEDIA = frozenset({"audio", "image_url"})  # of messages of the Realtime protocol
HEARD = b'{"t":%d,"event":"CallerAudio","pcm":%d,"voiced":%b}\n'
SENT = b'{"t":%d,"effect":"SendAudio","pcm":%d}\n'
EVENTS = frozenset(get_args(Event))

encode = msgspec.json.Encoder().encode
_NAMES: dict[type, tuple[str, ...]] = {}  # of the fields of each kind, once they were asked for


def line_of(what: Event | Effect, now: int, width: int) -> dict[str, Any]:
    """As the journal writes it down; audio, with so many bytes a sample, as a number of samples."""
    kind = type(what)
    line = {"t": now, _way(kind): kind.__name__, **plain(what, width)}
    if kind not in EVENTS:
        line.pop("plan", None)  # of Configure: it stands in the first line
    return line


def plain(value: Any, width: int) -> dict[str, Any]:
    """A dataclass as a dict, its audio as a number of samples."""
    kind = type(value)
    names = _NAMES.get(kind) or _NAMES.setdefault(kind, tuple(f.name for f in fields(kind)))
    values = {}
    for name in names:
        one = getattr(value, name)
        values[name] = one if type(one) in AS_IS else _plain_value(one, width)
    return values


def _plain_value(value: Any, width: int) -> Any:
    if isinstance(value, bytes):
        return len(value) // width
    if is_dataclass(value):
        return plain(value, width)
    if isinstance(value, tuple):
        return [_plain_value(one, width) for one in value]
    if isinstance(value, dict):
        return _without_media(value)
    return value


def _without_media(value: Any) -> Any:
    """A message that was passed through, with the length of its sounds and images alone."""
    if isinstance(value, dict):
        return {key: _medium(key, one) for key, one in value.items()}
    return [_without_media(one) for one in value] if isinstance(value, list | tuple) else value


def _medium(key: str, value: Any) -> Any:
    if key not in MEDIA or not isinstance(value, str):
        return _without_media(value)
    return value if value.startswith(LENGTH) else f"{LENGTH} {len(value)}"  # or of a replay


# ---------------------------------------------------------------- lines without words


def spelt(what: Event | Effect, now: int) -> bytes:
    """The line of what holds no audio, its words as they are."""
    return _HEADS[type(what)] % now + encode(what)[1:] + b"\n"


def _heard(event: CallerAudio, now: int, width: int) -> bytes:
    return HEARD % (now, len(event.pcm) // width, b"true" if event.voiced else b"false")


def _sent(effect: SendAudio, now: int, width: int) -> bytes:
    return SENT % (now, len(effect.pcm) // width)


def _spoke(event: AssistantAudio, now: int, width: int) -> bytes:
    line = {"t": now, "event": "AssistantAudio", "response_id": event.response_id}
    line |= {"item_id": event.item_id, "pcm": len(event.pcm) // width}
    return encode(line) + b"\n"


def _play(effect: Play, now: int, width: int) -> bytes:
    line = {"t": now, "effect": "Play", "item_id": effect.item_id, "pcm": len(effect.pcm) // width}
    line |= {"position": effect.position, "generation": effect.generation}
    return encode(line) + b"\n"


def _measured(what: Any, now: int, width: int) -> bytes:
    return encode(line_of(what, now, width)) + b"\n"


def _never(what: Any, now: int, width: int) -> None:
    """Audio and words: only when they are written."""


def _spelling(kind: type) -> Spelling:
    """Of a kind, by the names and types of its fields."""
    hints = get_type_hints(kind)
    words = tuple(name for name, hint in hints.items() if not _is_plain(name, hint))
    if bytes in hints.values():
        return _never if words else _measured

    head = _HEADS[kind]

    def spell(what: Any, now: int, width: int) -> bytes | None:
        for name in words:
            if getattr(what, name):
                return None
        return head % now + encode(what)[1:] + b"\n"

    return spell


def _is_plain(name: str, hint: Any) -> bool:
    """Whether such a field holds nothing that anybody has said: numbers, and names."""
    if is_dataclass(hint):
        return all(_is_plain(*one) for one in get_type_hints(hint).items())
    return name in PLAIN or hint in NUMBERS or hint is bytes


def _head(kind: type) -> bytes:
    way, more = _way(kind), "," if fields(kind) else ""
    return f'{{"t":%d,"{way}":"{kind.__name__}"{more}'.encode()


def _way(kind: type) -> str:
    return "event" if kind in EVENTS else "effect"


class Spellings(dict[type, Spelling]):
    """By kind; that of a kind is found when the first of it comes."""

    def __missing__(self, kind: type) -> Spelling:
        spelling = self[kind] = _spelling(kind)
        return spelling


_HEADS = {kind: _head(kind) for kind in (*EVENTS, *get_args(Effect))}
SPELT = Spellings({CallerAudio: _heard, SendAudio: _sent, AssistantAudio: _spoke, Play: _play})
