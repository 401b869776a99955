"""Hearing: what the caller says, on its way through the gate to the model and to the transcript."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.effects import Effect
from gateway.call.outgoing import Outgoing
from gateway.call.plan import Plan
from gateway.call.savings import Savings
from gateway.call.transcript import Transcript, some
from gateway.call.turns import NOTHING, ONSET_US, Outcome, Sign, Turns
from gateway.call.unanswered import Unanswered
from gateway.call.written import WrittenMap
from gateway.recent import keep

NOT_KEPT = "speech_not_kept"  # code
REMEMBERED = 64  # turns whose number is known, should another session have to hear them


class Hearing:
    """One call's ear: the gate, what it saved, and which item was said when."""

    def __init__(self, plan: Plan, outgoing: Outgoing, transcript: Transcript) -> None:
        self._plan = plan
        self._by_model = plan.turns.by_model
        self._width = plan.format.width
        self._outgoing = outgoing
        self._transcript = transcript
        self._commits: list[tuple[int, int]] = []  # when turns began, and numbers
        self._model_hears = False  # the model's own detector is within speech
        self._began = 0  # where in the caller's audio the turn began
        self._shown = False  # whether the caller knows of it
        self._turn = 0  # its number, where it is shown
        self._numbers: dict[int, int] = {}  # of the last turns, by when they began
        self.unanswered = Unanswered(plan)
        self.turns = Turns(plan)
        self.savings = Savings(plan)

    @property
    def open(self) -> bool:
        """Whether the caller is speaking, as far as the call knows."""
        # A shut gate wins: a model that misses the end of speech must not hold up the call.
        return self.turns.open and (self._model_hears or not self._by_model)

    @property
    def anything(self) -> bool:
        """Whether there is something that could become a turn."""
        return self.turns.anything

    def audio(self, event: on.CallerAudio, now: int, *, may_speak: bool) -> Iterable[Effect | Sign]:
        """Take the caller's sound; while the model is away it is only counted."""
        self.savings.heard += len(event.pcm) // self._width
        if self._outgoing.lost:
            return NOTHING
        outcomes = self.turns.frame(event.pcm, event.voiced and may_speak, now)
        return self._send(outcomes) if outcomes else NOTHING

    def tick(self, now: int) -> Iterator[Effect | Sign]:
        """Time has passed."""
        yield from self._send(self.turns.tick(now))

    def commit(self) -> Iterator[Effect | Sign]:
        """The caller says that its turn is over."""
        yield from self._send(self.turns.commit())
        yield from self._close("ended")

    def clear(self) -> Iterator[Effect | Sign]:
        """The caller says that what was heard is to be forgotten."""
        yield from self._close("dropped")
        yield from self._send(self.turns.clear())

    def follow(self, plan: Plan) -> Iterator[Effect | Sign]:
        """Go on as another plan says."""
        outcomes = list(self.turns.follow(plan))
        self._plan, self._by_model = plan, plan.turns.by_model
        self.savings.follow(plan)
        yield from self._send(iter(outcomes))

    def _send(self, outcomes: Iterable[Outcome]) -> Iterator[Effect | Sign]:
        for outcome in outcomes:
            if isinstance(outcome, Sign):
                yield from self._show(outcome)
                yield outcome
                continue
            if (notice := self._keep(outcome)) is not None:
                yield notice
            if isinstance(outcome, do.SendAudio):
                self.savings.sent += len(outcome.pcm) // self._width
            elif isinstance(outcome, do.Commit):
                if self._plan.turns.detector == "gateway":
                    yield from self._open()
                self._commits.append((self.turns.began_at, self._turn if self._shown else 0))
                self._remember(*self._commits[-1])
                del self._commits[:-REMEMBERED]  # not every server says what it made of them
            yield from self._outgoing.tell(outcome)

    def _keep(self, order: do.SendAudio | do.Commit | do.ClearInput) -> do.ShowNotice | None:
        """For another session; where there is none, and no room either, that is said once."""
        kept = self.unanswered
        kept.full = kept.full and not self._outgoing.open
        before = kept.full
        kept.keep(order, self.turns.began_at, self.turns.sent)
        if kept.full and not before and not self._outgoing.open:
            return do.ShowNotice(NOT_KEPT, "So much was said that the beginning is not kept.")
        return None

    def _show(self, sign: Sign) -> Iterator[do.ShowTurn]:
        """A turn is shown once it is sure to be more than a click, and then to its end."""
        if sign is Sign.BEGAN:
            before = self._plan.samples(ONSET_US + self._plan.turns.pre_roll)
            self._began, self._shown = max(0, self.savings.heard - before), False
        elif sign is Sign.INTERRUPTED:
            yield from self._open()
        else:
            yield from self._close("ended" if sign is Sign.ENDED else "dropped")

    def _remember(self, began: int, turn: int) -> None:
        keep(self._numbers, began, turn, REMEMBERED)

    def _open(self) -> Iterator[do.ShowTurn]:
        if not self._shown:
            self._shown, self._turn = True, self._turn + 1
            yield do.ShowTurn("began", "", self._began, self._turn)

    def _close(self, phase: Literal["ended", "dropped"]) -> Iterator[do.ShowTurn]:
        if self._shown:
            self._shown = False
            yield do.ShowTurn(phase, "", self.savings.heard, self._turn)

    def at(self, time: int, now: int) -> int:
        """Where in the caller's audio that was, in samples."""
        return max(0, self.savings.heard - self._plan.samples(now - time))

    # ------------------------------------------------------------ what the model says of it

    def committed(self, item_id: str) -> do.ShowTurn:
        """A turn became an item."""
        began, turn = self._commits.pop(0) if self._commits else (self.turns.began_at, 0)
        self._transcript.caller_began(item_id, began)
        self.unanswered.committed(item_id)
        return do.ShowTurn("committed", item_id, turn=turn)

    def not_committed(self) -> None:
        """The model found too little in a turn to make an item of it."""
        if self._commits:
            self._commits.pop(0)
        self.unanswered.not_committed()

    def words(self, event: on.CallerWords) -> do.ShowWords | None:
        """What was recognised of an item."""
        began = self.turns.began_at
        if event.final and event.text.strip():
            self.unanswered.recognised(event.item_id)
        return self._transcript.caller_said(event.item_id, event.text, event.final, began)

    def model_began(self, item_id: str, written: int, now: int) -> do.ShowTurn | None:
        """The model's detector heard speech begin; None where turns are decided here."""
        if not self._by_model:
            return None
        self._model_hears = True
        began = self.turns.model_heard_start(written)
        self._transcript.caller_began(item_id, began)
        return do.ShowTurn("began", item_id, self.at(began - self._plan.turns.pre_roll, now))

    def model_ended(self, written: int) -> int | None:
        """The model's detector heard speech end; when that was, unless turns are decided here."""
        if not self._by_model:
            return None
        self._model_hears = False
        return self.turns.model_heard_end(written)

    def away(self) -> Iterator[Effect]:
        """The session is gone: what was being recognised will be recognised anew."""
        self._model_hears = False
        self._commits.clear()
        for item_id in self.unanswered.away():
            yield from some(self._transcript.forget(item_id))
        yield from some(self._transcript.caller_took_back())

    def again(self) -> Iterator[Effect]:
        """Let a new session hear the turns that were not answered, and what is being said now."""
        self.turns.written = WrittenMap(self._plan)
        for began, order in self.unanswered.again(self._plan, self.turns.written):
            if isinstance(order, do.Commit):
                self._commits.append((began, self._numbers.get(began, 0)))
            yield order

    def model_lost(self) -> None:
        """Nobody listens any more."""
        self._model_hears = False
        self.turns.model_lost()
