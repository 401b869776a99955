"""Journal: every event of a call with its time and the orders that followed, one JSON line each.

Audio is written as its length and whether it was voiced, never as sound, and yet the core decides
by nothing else: a journal replays the whole call. It does hold the words that were recognised and
the arguments of tools, so it is kept where the operator wants it and nowhere else.

    {"journal": 1, "plan": {…}}
    {"t": 40000, "event": "CallerAudio", "pcm": 480, "voiced": true}
    {"t": 40000, "effect": "SendAudio", "pcm": 480}
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from gateway.call.effects import Effect, SendAudio
from gateway.call.events import CallerAudio, Event, ItemEnded
from gateway.call.plan import Plan
from gateway.privacy.vault import NO_KEYS, Keys, open_sink
from gateway.redaction.detect import NOTHING, Policy
from gateway.taps.veil import PLAIN, Veil

VERSION = 1
ROWS = 128  # events and effects that wait to be put into words, where nobody flushes
HELD = 16 * 1024  # bytes that wait to be written
FRAME = b'{"t":%d,"event":"CallerAudio","pcm":%d,"voiced":%b}\n'
SENT = b'{"t":%d,"effect":"SendAudio","pcm":%d}\n'
LENGTH = "characters:"
MEDIA = frozenset({"audio", "image_url"})  # of messages of the Realtime protocol
_NAMES: dict[type, tuple[str, ...]] = {}  # of the fields of each kind, once they were asked for
_WORDLESS: dict[type, bool] = {}  # kinds that hold nothing that anybody has said


class Journal:
    """The tap: writes a call down as it happens.

    What happens is but noted; it is put into words when it is written out, many lines at a time.
    """

    def __init__(
        self, path: Path, plan: Plan, policy: Policy = NOTHING, keys: Keys = NO_KEYS
    ) -> None:
        self._sink = open_sink(path, keys)
        self._open = True
        self._rows: list[tuple[Event | Effect, int, bool]] = []  # and whether it is an event
        self._held = bytearray()
        self._encode = msgspec.json.Encoder().encode
        self._width = plan.format.width
        self._now = 0
        self._veil = Veil(policy, plan.privacy.transcripts)
        head = {"journal": VERSION, "plan": _plain(plan, self._width)}
        self._held += self._encode(head if not policy else self._veil.hidden(head)) + b"\n"
        self._write_out()

    def event(self, event: Event, now: int) -> None:
        """Write an event down."""
        if len(self._rows) >= ROWS:
            self._write_out()
        self._rows.append((event, now, True))

    def effect(self, effect: Effect, now: int) -> None:
        """Write an effect down."""
        self._rows.append((effect, now, False))

    def flush(self) -> bool:
        """Between two events: write out what is held back. False once the call is over."""
        if self._open:
            self._write_out()
        return self._open

    def close(self) -> None:
        """The call is over."""
        self._open = False
        try:
            self._write_out(over=True)
        finally:
            self._sink.close()

    def _write_out(self, *, over: bool = False) -> None:
        rows, self._rows = self._rows, []
        for what, now, happened in rows:
            if happened:
                self._event(what, now)
            else:
                self._effect(what, now)
        self._lift(over=over)
        self._write_held()

    def _event(self, event: Any, now: int) -> None:
        """What came before is whole by now, with all that followed from it."""
        self._now = now
        if type(event) is CallerAudio:  # there are many, and they settle nothing that waits
            samples, voiced = len(event.pcm) // self._width, b"true" if event.voiced else b"false"
            self._add(FRAME % (now, samples, voiced), now)
            return
        self._lift()
        if len(self._held) > HELD:
            self._write_held()
        line = {"t": now, "event": type(event).__name__, **_plain(event, self._width)}
        self._write(line, event)

    def _effect(self, effect: Any, now: int) -> None:
        if type(effect) is SendAudio:
            self._add(SENT % (now, len(effect.pcm) // self._width), now)
        else:
            self._write(effect_line(effect, now, self._width), effect)

    def _add(self, line: bytes, now: int) -> None:
        """A line without a word in it."""
        if self._veil.waits:
            self._veil.add(line, now)
        else:
            self._held += line

    def _write(self, line: dict[str, Any], what: Event | Effect) -> None:
        if _is_wordless(type(what)):
            self._add(self._encode(line) + b"\n", line["t"])
        else:
            self._veil.add(line, line["t"])

    def _lift(self, *, over: bool = False) -> None:
        if self._veil.waits:
            for line in self._veil.ready(self._now, over=over):
                self._held += line if isinstance(line, bytes) else self._encode(line) + b"\n"

    def _write_held(self) -> None:
        if self._held:
            self._sink.write(bytes(self._held))
            self._held.clear()


def _is_wordless(kind: type) -> bool:
    """Whether such a line is written as it is: numbers, and names that nobody has said."""
    known = _WORDLESS.get(kind)
    if known is None:
        hints = get_type_hints(kind).items()
        plain = all(name in PLAIN or hint in (int, float, bool, bytes) for name, hint in hints)
        known = _WORDLESS[kind] = plain and kind is not ItemEnded  # which ends what was said
    return known


def effect_line(effect: Effect, now: int, width: int) -> dict[str, Any]:
    """An order as the journal writes it down; its audio has so many bytes a sample."""
    line = {"t": now, "effect": type(effect).__name__, **_plain(effect, width)}
    line.pop("plan", None)  # of Configure: it stands in the first line
    return line


def _plain(value: Any, width: int) -> dict[str, Any]:
    """A dataclass as a dict, its audio as a number of samples."""
    kind = type(value)
    names = _NAMES.get(kind) or _NAMES.setdefault(kind, tuple(f.name for f in fields(kind)))
    return {name: _plain_value(getattr(value, name), width) for name in names}


def _plain_value(value: Any, width: int) -> Any:
    if isinstance(value, str | int):
        return value
    if isinstance(value, bytes):
        return len(value) // width
    if is_dataclass(value):
        return _plain(value, width)
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
