"""A gate that is fed numbered frames, so that a test can say which of them were sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gateway.call.effects import SendAudio
from gateway.call.plan import FRAME_US, Plan
from gateway.call.turns import Turns

DETECTORS = ("gateway", "server", "semantic")
SAMPLES = 480  # of a frame


@dataclass
class Gate:
    """A gate that is fed numbered frames, so that each can be found again where it was sent."""

    plan: Plan = field(default_factory=Plan)
    now: int = 0
    count: int = 0
    written: int = 0  # samples
    ended: dict[int, int] = field(default_factory=dict)  # call time at the end of a frame
    sent: list[tuple[int, int, int]] = field(default_factory=list)  # frame, written before, length
    other: list[tuple[int, Any]] = field(default_factory=list)  # signs and orders, when

    def __post_init__(self) -> None:
        self.turns = Turns(self.plan)

    def take(self, outcomes: Any) -> None:
        for outcome in outcomes:
            if isinstance(outcome, SendAudio):
                assert b"".join(pcm for pcm, _ in self.turns.sent) == outcome.pcm
                for at in range(0, len(outcome.pcm), 2 * SAMPLES):
                    frame = outcome.pcm[at : at + 2 * SAMPLES]
                    number = int.from_bytes(frame[:2], "little")
                    self.sent.append((number, self.written, len(frame) // 2))
                    self.written += len(frame) // 2
                assert self.turns.written.total == self.written
            else:
                self.other.append((self.now, outcome))

    def frame(self, voiced: bool) -> None:
        self.let_pass(FRAME_US)
        self.count += 1
        self.ended[self.count] = self.now
        pcm = self.count.to_bytes(2, "little") * SAMPLES
        self.take(self.turns.frame(pcm, voiced, self.now))

    def speech(self, ms: int) -> None:
        for _ in range(ms // 20):
            self.frame(True)

    def quiet(self, ms: int) -> None:
        for _ in range(ms // 20):
            self.frame(False)

    def let_pass(self, us: int) -> None:
        """Time in which nothing comes; the gate is rung when it wants to be."""
        until = self.now + us
        while (deadline := self.turns.deadline) is not None and deadline < until:
            self.now = deadline
            self.take(self.turns.tick(self.now))
        self.now = until

    def frames(self) -> list[int]:
        """The numbers of the frames that were sent; 0 is silence made here."""
        return [number for number, _, _ in self.sent]

    def milliseconds(self) -> int:
        return sum(length for _, _, length in self.sent) // 24

    def said(self) -> list[Any]:
        return [what for _, what in self.other]
