"""Journal: every event of a call with its time and the orders that followed, one JSON line each.

Audio is written as its length and whether it was voiced, never as sound, and yet the core decides
by nothing else: a journal replays the whole call. It does hold the words that were recognised and
the arguments of tools, so it is kept where the operator wants it and nowhere else.

Lines stand in the order in which the call was told. A caller's silence may stand behind what came
after it, with the time at which it ended.

    {"journal": 1, "plan": {…}}
    {"t": 40000, "event": "CallerAudio", "pcm": 480, "voiced": true}
    {"t": 40000, "effect": "SendAudio", "pcm": 480}
"""

from __future__ import annotations

from pathlib import Path

from gateway.call.effects import Effect
from gateway.call.events import Event
from gateway.call.plan import Plan
from gateway.privacy.vault import NO_KEYS, Keys, open_sink
from gateway.redaction.detect import NOTHING, Policy
from gateway.taps.rows import EVENTS, SPELT, encode, plain
from gateway.taps.veil import NOTED, Veil

VERSION = 1
ROWS = 128  # lines that wait where nobody flushes


class Journal:
    """The tap: writes a call down as it happens.

    What holds no words becomes a line at once, its sound is held no longer. What may hold some is
    but noted, and put into lines when they are written out, many at a time.
    """

    def __init__(
        self, path: Path, plan: Plan, policy: Policy = NOTHING, keys: Keys = NO_KEYS
    ) -> None:
        self._sink = open_sink(path, keys)
        self._open = True
        self._rows = 0  # that wait
        self._width = plan.format.width
        self._now = 0
        self._veil = Veil(policy, plan.privacy.transcripts, self._width)
        head = {"journal": VERSION, "plan": plain(plan, self._width)}
        self._sink.write(encode(head if not policy else self._veil.hidden(head)) + b"\n")

    def event(self, what: Event | Effect, now: int) -> None:
        """Write an event down, or an effect."""
        kind = type(what)
        if self._rows >= ROWS and kind in EVENTS:
            self._write_out()
        self._rows, self._now = self._rows + 1, now
        if kind in NOTED or (line := SPELT[kind](what, now, self._width)) is None:
            self._veil.add(what, now)
        else:
            self._veil.behind.append(line)

    effect = event

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
        self._rows = 0
        if lines := self._veil.ready(self._now, over=over):
            self._sink.write(lines)
