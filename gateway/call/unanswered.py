"""Unanswered: what the caller has said and no answer has come to, kept for a new session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gateway.call.effects import ClearInput, Commit, SendAudio
from gateway.call.plan import Plan
from gateway.call.preroll import Piece
from gateway.call.written import WrittenMap

KEPT_US = 60_000_000  # of sound


@dataclass(slots=True)
class _Turn:
    """One turn, complete or still being said."""

    began: int
    pieces: list[Piece] = field(default_factory=list)
    length: int = 0  # of them together, in bytes
    complete: bool = False
    item_id: str = ""
    asked: bool = False  # whether an answer to it has begun

    def cut(self, surplus: int) -> int:
        """Let its first piece go, or as much of it as that; returns how many bytes went."""
        pcm, until = self.pieces[0]
        gone = min(surplus, len(pcm))
        if gone < len(pcm):
            self.pieces[0] = (pcm[gone:], until)
        else:
            del self.pieces[0]
        self.length -= gone
        return gone


class Unanswered:
    """The turns that a new session has to hear; of too much sound the oldest goes."""

    def __init__(self, plan: Plan) -> None:
        self._turns: list[_Turn] = []
        self._most = plan.samples(KEPT_US) * plan.format.width  # bytes
        self._room = self._most  # bytes for which there is room, at least
        self.full = False  # sound has gone since this was last put down

    def keep(
        self, order: SendAudio | Commit | ClearInput, began: int, pieces: Sequence[Piece]
    ) -> None:
        """The model is told this of a turn that began then; of which pieces where it is sound."""
        turn = self._turns[-1] if self._turns else None
        if turn is None or turn.complete:
            if not isinstance(order, SendAudio):
                return
            turn = _Turn(began)
            self._turns.append(turn)
        if isinstance(order, SendAudio):
            length = len(order.pcm)
            turn.pieces += pieces
            turn.length += length
            self._room -= length
            if self._room < 0:
                self._bound()
        elif isinstance(order, Commit):
            turn.complete = True
        else:
            self._turns.pop()

    def _bound(self) -> None:
        surplus = sum(turn.length for turn in self._turns) - self._most
        self._room = max(0, -surplus)
        while surplus > 0:
            self.full = True
            oldest = self._turns[0]
            surplus -= oldest.cut(surplus)
            if not oldest.pieces:
                del self._turns[0]

    def committed(self, item_id: str) -> None:
        """A turn became an item."""
        for turn in self._turns:
            if not turn.item_id:
                turn.item_id, turn.complete = item_id, True
                return

    def not_committed(self) -> None:
        """The first turn that waits to become an item does not."""
        for turn in self._turns:
            if turn.complete and not turn.item_id:
                self._turns.remove(turn)
                return

    def recognised(self, item_id: str) -> None:
        """A new session can read that item."""
        self._turns = [turn for turn in self._turns if turn.item_id != item_id]

    def asked(self) -> None:
        """An answer has begun: to all turns that are complete."""
        for turn in self._turns:
            turn.asked = turn.asked or turn.complete

    def answered(self) -> None:
        """That answer is complete."""
        self._turns = [turn for turn in self._turns if not turn.asked]

    def away(self) -> list[str]:
        """The session is gone; gives the items that will be others when they are heard again."""
        items = [turn.item_id for turn in self._turns if turn.item_id]
        for turn in self._turns:
            turn.item_id, turn.asked = "", False
        return items

    def again(self, plan: Plan, written: WrittenMap) -> Iterator[tuple[int, SendAudio | Commit]]:
        """All of it for a new session, each order with when its turn began."""
        for turn in self._turns:
            for pcm, until in turn.pieces:
                written.add(plan.count(pcm), until)
            if turn.pieces:
                yield turn.began, SendAudio(b"".join(pcm for pcm, _ in turn.pieces))
            if turn.complete and not plan.turns.by_model:
                yield turn.began, Commit()
            turn.complete = turn.complete and not plan.turns.by_model
