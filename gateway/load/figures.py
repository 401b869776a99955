"""Figures: notes from both sides matched, and what they come to: latencies, losses, failures."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gateway.load.matching import Wave, downward, upward
from gateway.load.notes import (
    Answered,
    CallBegan,
    CallEnded,
    Heard,
    Missed,
    Note,
    Pulse,
    SessionEnded,
    Spoken,
    Turn,
)
from gateway.recent import keep

Measure = Literal["up", "down", "voice_to_voice", "barge_in", "detection", "setup", "tester"]
MEASURES: tuple[Measure, ...] = (
    *("up", "down", "voice_to_voice", "barge_in", "detection", "setup", "tester"),
)
KEPT = 8  # utterances of a call that wait for their turn
WAITING = 20_000  # halves of pairs that are kept; what is older has no other half


@dataclass(slots=True)
class Series:
    """Values with the time at which each was known, in that order."""

    times: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, now: float, values: Iterable[float]) -> None:
        """Known at that time; notes of different processes come a little out of order."""
        for value in values:
            place = bisect_right(self.times, now) if self.times and now < self.times[-1] else None
            if place is None:
                self.times.append(now)
                self.values.append(value)
            else:
                self.times.insert(place, now)
                self.values.insert(place, value)

    def between(self, begin: float, end: float) -> list[float]:
        """What was known then."""
        return self.values[bisect_left(self.times, begin) : bisect_right(self.times, end)]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a stretch of time came to. Latencies in seconds."""

    calls: int  # live at its end
    latencies: dict[Measure, list[float]]
    lost: float  # seconds of sound
    expected: float
    questions: int
    missed: int
    failed: int
    uncut: int  # interruptions that nothing came of

    @property
    def loss(self) -> float | None:
        """The share of the sound that did not come through; nothing where none was compared."""
        return self.lost / self.expected if self.expected else None

    @property
    def added(self) -> float | None:
        """The 99th percentile of what the gateway adds, of the slower direction, where known."""
        ways = (self.latencies["up"], self.latencies["down"])
        return max((percentile(way, 0.99) for way in ways if way), default=None)


class Figures:
    """All that was noted so far."""

    def __init__(self, clips: Sequence[Wave], firsts: Sequence[int]) -> None:
        self._clips, self._firsts = clips, firsts
        self.series: dict[Measure, Series] = {name: Series() for name in MEASURES}
        self.counts: dict[str, Series] = defaultdict(Series)
        self.failures: Counter[tuple[str, str]] = Counter()  # by cause and detail
        self.calls = Series()  # live ones
        self.sessions = 0
        self.placed = 0
        self.refused = 0
        self.live = 0
        self._callers: dict[int, int] = {}  # session -> call
        self._open: dict[int, tuple[float, float]] = {}  # when each question began, waits since
        self._spoken: dict[int, deque[Spoken]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._turns: dict[int, deque[Turn]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._halves: dict[tuple[int, int], Heard | Answered] = {}

    def push(self, note: Note) -> None:
        """Take a note."""
        match note:
            case Spoken():
                self._count(note.sent[-1], "questions", 1)
                self._open[note.call] = note.sent[0], note.sent[-1]
                self._spoken[note.call].append(note)
            case Heard():
                self._heard(note)
            case Answered():
                if note.places:
                    self._pair((note.session, note.answer & 255), note)
            case Turn():
                self.sessions = max(self.sessions, note.session)
                if note.audio:
                    self._turns[note.session].append(note)
                    self._match(note.session)
            case Missed():
                self._count(note.asked, "missed", 1)
                self._open.pop(note.call, None)
            case CallBegan():
                self.series["setup"].add(note.at, [note.setup])
                self.placed += 1
                self._change(note.at, 1)
            case CallEnded():
                self._ended(note)
            case SessionEnded():
                self._turns.pop(note.session, None)
            case Pulse():
                self.series["tester"].add(note.at, note.late)

    def summary(self, begin: float, end: float) -> Summary:
        """What that stretch of time came to."""

        def total(name: str) -> float:
            return sum(self.counts[name].between(begin, end))

        live = self.calls.between(0, end)
        return Summary(
            calls=int(live[-1]) if live else 0,
            latencies={name: one.between(begin, end) for name, one in self.series.items()},
            lost=total("lost"),
            expected=total("expected"),
            questions=int(total("questions")),
            missed=int(total("missed")),
            failed=int(total("failed")),
            uncut=int(total("uncut")),
        )

    def unanswered(self, since: float) -> int:
        """Questions that are open, of callers who have heard nothing since then."""
        return sum(waits <= since for _, waits in self._open.values())

    # ------------------------------------------------------------ what a note means

    def _heard(self, heard: Heard) -> None:
        now = heard.places[-1][0]
        asked, _ = self._open.pop(heard.call, (0.0, 0.0))
        if heard.asked < asked:  # it is the answer to the question before
            self._open[heard.call] = asked, now
        if heard.asked:
            self.series["voice_to_voice"].add(now, [heard.places[0][0] - heard.asked])
        if heard.interrupted and heard.cut:
            self.series["barge_in"].add(heard.cut, [max(0.0, heard.cut - heard.interrupted)])
        elif heard.interrupted:
            self._count(now, "uncut", 1)
        if heard.session < 0:
            self._count(now, "unnamed", 1)
            return
        self._callers[heard.session] = heard.call
        self._pair((heard.session, heard.answer), heard)
        self._match(heard.session)

    def _pair(self, name: tuple[int, int], half: Heard | Answered) -> None:
        other = self._halves.pop(name, None)
        match half, other:
            case (Heard() as heard, Answered() as answered) | (
                Answered() as answered,
                Heard() as heard,
            ):
                found = downward(answered, heard)
                now = heard.places[-1][0]
                self.series["down"].add(now, found.late)
                self._sound(now, found.lost, found.expected)
            case _:
                keep(self._halves, name, half, WAITING)

    def _match(self, session: int) -> None:
        """Find the utterances that this session's turns are of, once it is known whose it is."""
        call = self._callers.get(session)
        if call is None:
            return
        turns = self._turns[session]
        while turns:
            turn = turns.popleft()
            spoken = next((one for one in self._spoken[call] if _overlap(one, turn)), None)
            if spoken is None:
                continue
            clip, first = self._clips[spoken.clip], self._firsts[spoken.clip]
            found = upward(turn, spoken, clip, first)
            if found is None:
                self._count(turn.ended, "unlike", 1)
                continue
            self.series["up"].add(turn.ended, found.late)
            self.series["detection"].add(turn.ended, [found.detection])
            self._sound(turn.ended, found.lost, found.expected)

    def _ended(self, note: CallEnded) -> None:
        if note.cause:
            self.failures[note.cause, note.detail] += 1
            self._count(note.at, "failed", 1)
        self._open.pop(note.call, None)
        if note.began:
            self._change(note.at, -1)
        else:
            self.refused += 1

    def _sound(self, now: float, lost: float, expected: float) -> None:
        self._count(now, "lost", lost)
        self._count(now, "expected", expected)

    def _count(self, now: float, name: str, value: float) -> None:
        self.counts[name].add(now, [value])

    def _change(self, now: float, by: int) -> None:
        self.live += by
        self.calls.add(now, [float(self.live)])


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share lies; 0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _overlap(spoken: Spoken, turn: Turn) -> bool:
    return spoken.sent[0] <= turn.ended and spoken.sent[-1] >= turn.places[0][0] - 0.5
