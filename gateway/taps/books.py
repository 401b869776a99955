"""Books: puts a call down in the database as it goes on: turns, tools, tokens, how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from gateway.call.dictation import Dictation
from gateway.call.effects import (
    AGREED,
    REFUSED,
    Effect,
    End,
    Guarded,
    RunTool,
    ShowNotice,
    ShowSavings,
    ShowTool,
    ShowWords,
)
from gateway.call.events import CallerJoined, Event, ResponseEnded
from gateway.call.plan import Plan
from gateway.call.tariff import Tariff
from gateway.store.noting import Audit
from gateway.store.writes import Write, change, put

MS = 1_000  # microseconds
CONSENT = {AGREED: "agreed", REFUSED: "refused"}


@dataclass(frozen=True, slots=True)
class Heading:
    """What is known of a call beside its plan, when it begins."""

    gateway: str = ""
    via: str = ""
    model: str = ""
    recording: str = ""
    began_ms: int = 0


class Books:
    """The tap: `write` takes rows and never waits."""

    def __init__(
        self,
        write: Callable[[Write], None],
        plan: Plan,
        heading: Heading,
        audit: Audit | None = None,
    ) -> None:
        self._write = write
        self._plan = plan
        self._heading = heading
        self._open: dict[str, ShowWords] = {}  # lines that are still being said
        self._changed: set[str] = set()  # those of them that stand in the books otherwise
        self._over = False
        self._tools: dict[str, int] = {}  # call time at which each began
        self._saved = ShowSavings(0, 0, 0, 0, 0.0)
        self._now = 0
        self._reason = ""
        self._audit = audit or Audit(write)
        self._tariff = Tariff(plan)
        self._dictation = Dictation(plan)
        self._dictations = 0
        names = ("tenant", "caller", "credential", "metadata")
        whose = {name: getattr(plan, name) for name in names}
        if rules := plan.guard.label:
            whose["metadata"] = {**plan.metadata, "guard": rules}
        known = asdict(heading)
        if plan.privacy.recording == "consent":
            known["recording"] = ""  # until the caller has agreed
        write(put("calls", {"id": plan.call_id, **whose, **known}))

    def event(self, event: Event, now: int) -> None:
        """Put down who calls, and what the model's answers took."""
        self._now = max(self._now, now)
        if isinstance(event, CallerJoined):
            who = self._plan.caller or event.address
            self._change(caller=who, address=event.address, called=event.called)
        elif isinstance(event, ResponseEnded):
            billed = self._tariff.billed
            self._used(
                event.response_id,
                billed.model or self._heading.model,
                billed.prices.cost(event.usage),
                status=event.status,
                **asdict(event.usage),
            )
        self._tariff.see(event)
        if spoken := self._dictation.event(event):
            self._dictated(spoken)

    def effect(self, effect: Effect, now: int) -> None:
        """Put down what was said and done."""
        self._dictation.effect(effect)
        self._tariff.see(effect)
        if isinstance(effect, ShowWords):
            self._words(effect, now)
        elif isinstance(effect, RunTool):
            if price := self._tariff.tool(effect):
                self._used(f"tool_{effect.call_id}", f"tool {effect.name}", price)
        elif isinstance(effect, ShowTool):
            self._tool(effect, now)
        elif isinstance(effect, ShowSavings):
            self._saved = effect
        elif isinstance(effect, Guarded):
            self._note("guard", **asdict(effect))
        elif isinstance(effect, ShowNotice) and effect.code in CONSENT:
            kept = {"recording": self._heading.recording} if effect.code == AGREED else {}
            self._change(consent=CONSENT[effect.code], **kept)
        elif isinstance(effect, End):
            self._reason = effect.reason

    def flush(self) -> bool:
        """Put down how far the lines have come that are still being said. False after the end."""
        for item_id in self._changed:
            line = self._open[item_id]
            self._turn(line, line.text, self._now)
        self._changed.clear()
        return not self._over

    def close(self) -> None:
        """Put down the end; what was never said to its end stays as it stood."""
        self._over = True
        self._changed.clear()
        for line in list(self._open.values()):
            self._turn(line, line.text, self._now)
        rate = self._plan.rate
        self._change(
            ended_ms=self._heading.began_ms + self._now // MS,
            reason=self._reason or "the session broke off",
            heard_ms=self._saved.heard * 1000 // rate,
            sent_ms=self._saved.sent * 1000 // rate,
        )

    def _dictated(self, spoken: int) -> None:
        """So much of the caller's speech was written down by a model of its own."""
        billed = self._tariff.billed
        if not billed.prices.transcription:
            return
        self._dictations += 1
        row, price = f"dictation_{self._dictations}", billed.prices.dictation(spoken)
        self._used(row, billed.transcription, price, audio_ms=spoken // MS)

    def _used(
        self, row: str, model: str, nano: int, *, status: str = "completed", **counts: int
    ) -> None:
        """Something that is paid for."""
        self._put(
            "usage",
            response_id=row,
            tenant=self._plan.tenant,
            model=model,
            status=status,
            at=self._now // MS,
            at_ms=self._heading.began_ms + self._now // MS,
            cost_nano=nano,
            **({"audio_ms": 0} | counts),
        )

    def _words(self, line: ShowWords, now: int) -> None:
        before = self._open.get(line.item_id)
        if not line.final:
            self._open[line.item_id] = line
            self._changed.add(line.item_id)
            return
        self._open.pop(line.item_id, None)
        self._changed.discard(line.item_id)
        said = before.text if before and line.role == "assistant" else line.text
        if line.text or (line.cut and said):
            self._turn(line, said, now)

    def _turn(self, line: ShowWords, said: str, now: int) -> None:
        self._put(
            "turns",
            item_id=line.item_id,
            who=line.role,
            said=said,
            heard=line.text,
            began_at=line.at // MS,
            ended_at=now // MS,
            cut=line.cut,
        )

    def _tool(self, tool: ShowTool, now: int) -> None:
        began = self._tools.setdefault(tool.call_id, now)
        running = tool.status == "running"
        if not running:
            # A tool may have done something in the world: that is for the audit, not its words.
            self._note("tool_run", tool=tool.name, status=tool.status)
        self._put(
            "tool_calls",
            tool_call_id=tool.call_id,
            name=tool.name,
            arguments=tool.arguments,
            status=tool.status,
            output=tool.output,
            began_at=began // MS,
            ended_at=None if running else now // MS,
        )

    def _note(self, kind: str, **what: str) -> None:
        plan = self._plan
        actor = plan.credential or self._audit.alias(plan.caller)
        self._audit.note(kind, actor, plan.tenant, call=plan.call_id, **what)

    def _put(self, table: str, **values: Any) -> None:
        self._write(put(table, {"call_id": self._plan.call_id, **values}))

    def _change(self, **values: Any) -> None:
        self._write(change("calls", {"id": self._plan.call_id, **values}))
