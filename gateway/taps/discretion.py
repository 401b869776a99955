"""Discretion: stands before a tap that keeps words, and passes on what may be kept, redacted.

What was passed on is passed on again where more is known: the books and the transcripts keep each
line as it came last. Where the caller is asked first, nothing that was said before the yes is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from gateway.call.effects import AGREED, Effect, ShowNotice, ShowTool, ShowWords
from gateway.call.events import Event
from gateway.call.plan import Plan
from gateway.redaction.detect import Policy, redact
from gateway.redaction.lines import KEPT, Lines


class WordsTap(Protocol):
    """A tap that keeps words, and gathers before it writes."""

    def event(self, event: Event, now: int) -> None: ...
    def effect(self, effect: Effect, now: int) -> None: ...
    def flush(self) -> bool: ...
    def close(self) -> None: ...


class Discretion:
    """The tap. `open_tap` is called when words may be kept; `tap` is there from the start.

    Of the two, one is given: the books know of a call in any case, a transcript does not. `kinds`:
    of events and effects that the tap looks at, where not at all.
    """

    def __init__(
        self,
        plan: Plan,
        policy: Policy,
        tap: WordsTap | None = None,
        open_tap: Callable[[], WordsTap] | None = None,
        name: str = "",
        kinds: frozenset[type] | None = None,
    ) -> None:
        self.name = name or type(tap).__name__  # of what it stands before, for the log
        self.kinds = None if kinds is None else kinds | {ShowNotice}
        self._policy = policy
        self._lines = Lines(policy)
        self._latest: dict[str, tuple[ShowWords, int]] = {}
        self._passed: dict[str, ShowWords] = {}
        self._changed: dict[str, None] = {}  # items, in order
        self._asks = plan.privacy.transcripts == "consent"
        self._since = 0 if plan.privacy.transcripts == "on" else None
        self._over = False
        self._open_tap = open_tap
        self._tap = tap
        if tap is None and self._since is not None:
            self._open()

    def event(self, event: Event, now: int) -> None:
        """Facts hold no words that these taps keep."""
        if self._tap is not None:
            self._tap.event(event, now)

    def effect(self, effect: Effect, now: int) -> None:
        """Pass on what may be kept."""
        match effect:
            case ShowWords():
                self._words(effect, now)
                return
            case ShowNotice(code=code) if code == AGREED and self._asks:
                self._since = now
                self._open()
        if self._tap is not None:
            told = self._tool(effect) if isinstance(effect, ShowTool) else effect
            self._tap.effect(told, now)

    def flush(self) -> bool:
        """Pass on the lines that are still being said. False once the call is over."""
        if self._changed:
            self._pass_on()
        if self._tap is not None and not self._over:
            self._tap.flush()
        return not self._over

    def close(self) -> None:
        """The call is over."""
        self._lines.over()
        self._pass_on("assistant", "caller")
        self._over = True
        if self._tap is not None:
            self._tap.close()

    def _open(self) -> None:
        if self._tap is None and self._open_tap is not None:
            self._tap = self._open_tap()

    def _words(self, line: ShowWords, now: int) -> None:
        if self._since is None or line.at < self._since:
            return
        if line.final and self._changed:
            self._pass_on()  # the books know by it what was to be said
        self._latest[line.item_id] = (line, now)
        self._changed[line.item_id] = None
        if line.final:
            self._pass_on()

    def _pass_on(self, *sides: str) -> None:
        """What has changed, and what else of these sides is now covered otherwise."""
        changed, self._changed = self._changed, {}
        looked = set(sides)
        for item in changed:
            line, _ = self._latest[item]
            self._lines.put(line.role, item, line.text, whole=line.final)
            looked.add(line.role)
        for side in sorted(looked):
            for item in self._lines.look(side):
                known, (line, now) = self._lines.line(side, item), self._latest[item]
                assert known is not None
                redacted = replace(line, text=known.redacted()) if known.found else line
                if self._passed.get(item) != redacted and self._tap is not None:
                    self._passed[item] = redacted
                    self._tap.effect(redacted, now)
        if len(self._latest) > 4 * KEPT:  # as many as both sides together may have
            self._forget()

    def _forget(self) -> None:
        """A line that is none of the last of its side stays as it was passed on."""
        for item, (line, _) in tuple(self._latest.items()):
            if self._lines.line(line.role, item) is None:
                del self._latest[item]
                self._passed.pop(item, None)

    def _tool(self, tool: ShowTool) -> ShowTool:
        if self._since is None:
            return replace(tool, arguments="", output="")
        policy = self._policy
        told = redact(tool.arguments, policy), redact(tool.output, policy)
        return replace(tool, arguments=told[0], output=told[1])
