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

from gateway.call.effects import Effect
from gateway.call.events import AssistantWords, CallerWords, Event, ItemEnded
from gateway.call.plan import Plan
from gateway.privacy.vault import NO_KEYS, Keys, open_sink
from gateway.redaction.detect import NOTHING, Policy
from gateway.taps.rows import SPELT
from gateway.taps.veil import PLAIN, Veil

VERSION = 1
ROWS = 128  # lines, and what is yet to be put into words, that wait where nobody flushes
PIECES = frozenset({AssistantWords, CallerWords})
FEW = 16  # lines with words that wait at most before a piece is added
HELD = 16 * 1024  # bytes that wait to be written
LENGTH = "characters:"
AS_IS = frozenset({str, int, bool, float, type(None)})
MEDIA = frozenset({"audio", "image_url"})  # of messages of the Realtime protocol
_encode = msgspec.json.Encoder().encode
_NAMES: dict[type, tuple[str, ...]] = {}  # of the fields of each kind, once they were asked for
_WORDLESS: dict[type, bool] = {}  # kinds that hold nothing that anybody has said


class Journal:
    """The tap: writes a call down as it happens.

    Sound becomes a line at once, and is held no longer. What may hold words is but noted, and put
    into lines when they are written out, many at a time.
    """

    def __init__(
        self, path: Path, plan: Plan, policy: Policy = NOTHING, keys: Keys = NO_KEYS
    ) -> None:
        self._sink = open_sink(path, keys)
        self._open = True
        self._rows: list[bytes | tuple[Event | Effect, int, bool]] = []  # and whether an event
        self._held = bytearray()
        self._width = plan.format.width
        self._now = 0
        self._veil = Veil(policy, plan.privacy.transcripts)
        head = {"journal": VERSION, "plan": _plain(plan, self._width)}
        self._held += _encode(head if not policy else self._veil.hidden(head)) + b"\n"
        self._write_out()

    def event(self, event: Event, now: int) -> None:
        """Write an event down."""
        if len(self._rows) >= ROWS:
            self._write_out()
        spell = SPELT.get(type(event))
        self._rows.append((event, now, True) if spell is None else spell(event, now, self._width))
        self._now = now

    def effect(self, effect: Effect, now: int) -> None:
        """Write an effect down."""
        spell = SPELT.get(type(effect))
        row = (effect, now, False) if spell is None else spell(effect, now, self._width)
        self._rows.append(row)

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
        plain: list[bytes] = []
        for row in rows:
            if type(row) is bytes:
                plain.append(row)
                continue
            if plain:
                self._add(b"".join(plain))
                plain.clear()
            self._spell(*row)
        self._add(b"".join(plain))
        self._lift(self._now, over=over)
        self._write_held()

    def _spell(self, what: Any, now: int, happened: bool) -> None:
        """What came before an event is whole by then, with all that followed from it.

        Before a piece of words that is not looked at each time: mostly it is settled no sooner.
        """
        if happened:
            if type(what) not in PIECES or len(self._veil.waiting) > FEW:
                self._lift(now)
            if len(self._held) > HELD:
                self._write_held()
            line = {"t": now, "event": type(what).__name__, **_plain(what, self._width)}
        else:
            line = effect_line(what, now, self._width)
        if _is_wordless(type(what)):
            self._add(_encode(line) + b"\n")
        else:
            self._veil.add(line, now)

    def _add(self, lines: bytes) -> None:
        """Lines without a word in them."""
        if self._veil.waiting:
            self._veil.follow(lines)
        else:
            self._held += lines

    def _lift(self, now: int, *, over: bool = False) -> None:
        if self._veil.waiting:
            for line in self._veil.ready(now, over=over):
                self._held += _encode(line) + b"\n" if isinstance(line, dict) else line

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
    plain = {}
    for name in names:
        one = getattr(value, name)
        plain[name] = one if type(one) in AS_IS else _plain_value(one, width)
    return plain


def _plain_value(value: Any, width: int) -> Any:
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
