"""Hearing: what the caller says, on its way through the gate to the model and to the transcript."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.effects import Effect
from gateway.call.outgoing import Outgoing
from gateway.call.plan import Plan
from gateway.call.savings import Savings
from gateway.call.transcript import Transcript
from gateway.call.turns import Outcome, Sign, Turns


class Hearing:
    """One call's ear: the gate, what it saved, and which item was said when."""

    def __init__(self, plan: Plan, outgoing: Outgoing, transcript: Transcript) -> None:
        self._plan = plan
        self._outgoing = outgoing
        self._transcript = transcript
        self._commits: deque[int] = deque()  # when the turns began that are not items yet
        self._model_hears = False  # the model's own detector is within speech
        self.turns = Turns(plan)
        self.savings = Savings(plan)

    @property
    def open(self) -> bool:
        """Whether the caller is speaking, as far as the call knows."""
        # A shut gate wins: a model that misses the end of speech must not hold up the call.
        by_gateway = self._plan.turns.detector == "gateway"
        return self.turns.open and (self._model_hears or by_gateway)

    def audio(self, event: on.CallerAudio, now: int, *, may_speak: bool) -> Iterator[Effect | Sign]:
        """Take 20 ms of the caller; while the model is away they are only counted."""
        self.savings.heard += self._plan.count(event.pcm)
        if not self._outgoing.lost:
            yield from self._send(self.turns.frame(event.pcm, event.voiced and may_speak, now))

    def tick(self, now: int) -> Iterator[Effect | Sign]:
        """Time has passed."""
        yield from self._send(self.turns.tick(now))

    def _send(self, outcomes: Iterator[Outcome]) -> Iterator[Effect | Sign]:
        for outcome in outcomes:
            if isinstance(outcome, Sign):
                yield outcome
                continue
            if isinstance(outcome, do.SendAudio):
                self.savings.sent += self._plan.count(outcome.pcm)
            elif isinstance(outcome, do.Commit):
                self._commits.append(self.turns.began_at)
            yield from self._outgoing.tell(outcome)

    # ------------------------------------------------------------ what the model says of it

    def committed(self, item_id: str) -> None:
        """A turn became an item."""
        began = self._commits.popleft() if self._commits else self.turns.began_at
        self._transcript.caller_began(item_id, began)

    def words(self, event: on.CallerWords) -> do.ShowWords | None:
        """What was recognised of an item."""
        began = self.turns.began_at
        return self._transcript.caller_said(event.item_id, event.text, event.final, began)

    def model_began(self, item_id: str, written: int) -> bool:
        """The model's detector heard speech begin; False where turns are decided here."""
        if self._plan.turns.detector == "gateway":
            return False
        self._model_hears = True
        self._transcript.caller_began(item_id, self.turns.model_heard_start(written))
        return True

    def model_ended(self, written: int) -> int | None:
        """The model's detector heard speech end; when that was, unless turns are decided here."""
        if self._plan.turns.detector == "gateway":
            return None
        self._model_hears = False
        return self.turns.model_heard_end(written)

    def model_lost(self) -> None:
        """Nobody listens any more."""
        self._model_hears = False
        self.turns.model_lost()
