"""Responses: at most one answer at a time, asked for in turn, dropped for good once cancelled."""

from __future__ import annotations

from dataclasses import replace

from gateway.call.effects import Cancel, Respond
from gateway.recent import keep

START_LIMIT_US = 20_000_000  # an answer that has not begun by then will not
STOP_LIMIT_US = 5_000_000  # a cancelled answer that has not ended by then is taken as ended
RETRIES = 4  # of an answer that fails, in one session
IN_THE_WAY_US = 1_000_000  # before it is asked again where an unknown answer is in the way
SLOW_US = 1_000_000  # a request that is not taken up by then may have been lost
# A sentence that stands still for so long, or an answer once a function call of it is complete, may
# not go on: twice the longest pause that the server has made in an answer, and within these.
SHORTEST_STALL_US, LONGEST_STALL_US = 1_000_000, 2_500_000
THINKS_US = 12_000_000  # but a model may think before it speaks
REMEMBERED = 64  # answers that were dropped, should more come of them

PLAIN = Respond()  # an answer of which nothing special is asked
GO_ON = (
    "A noise interrupted you, not the caller. Go on from where you stopped, "
    "without mentioning the interruption."
)


class Responses:
    """Serialises `response.create`: never while one is being made, and one for many reasons."""

    def __init__(self) -> None:
        self.active = ""  # id of the answer that is being made
        self.busy = False  # an answer is being made, or has been asked for
        self._asked_at: int | None = None  # asked for, and not begun
        self._wanted: Respond | None = None  # to be asked for
        self._asked = PLAIN  # what was asked for last
        self._fills = False  # what is wanted is but a word meanwhile, which any answer replaces
        self._asked_to_fill = False
        self._cancelled_at: int | None = None
        self._not_before = 0
        self._tries = 0  # of an answer that failed
        self._patience = SLOW_US  # longer for a server that is known to be slow
        self._alive_at = 0  # when something last came of the answer that is being made
        self._longest_gap = 0  # between two signs of life of one answer
        self._stall = SHORTEST_STALL_US  # that makes it doubtful, within a sentence
        self._called = False  # the last that came of it was a function call
        self._behind = False  # what is wanted was refused for another answer that is in the way
        self._goes_on = False  # what is wanted is the rest of an answer that broke off
        self._dropped: dict[str, None] = {}
        self._lost = False  # nobody is there, and nobody will be, who could answer

    def _make(self, active: str = "", *, asked_at: int | None = None) -> None:
        """From now on this answer is being made, or one has been asked for; or neither."""
        self.active, self._asked_at = active, asked_at
        self.busy = active != "" or asked_at is not None

    @property
    def pending(self) -> bool:
        """Whether an answer is being made or will be."""
        return self.busy or self._wanted is not None

    def want(self, instructions: str = "", *, may_call: bool = True) -> None:
        """An answer is wanted as soon as none is being made; special instructions win over none."""
        wanted = self._wanted if self._wanted is not None and not self._fills else PLAIN
        goes_on = self._goes_on and not instructions
        if instructions:
            wanted = replace(wanted, instructions=instructions)
        self.want_as(wanted if may_call else replace(wanted, may_call=False))
        self._goes_on = goes_on

    def want_as(self, respond: Respond) -> None:
        """The same, with all that holds for this answer alone."""
        if not self._lost:
            self._wanted, self._fills, self._goes_on = respond, False, False

    def resume(self, instructions: str) -> None:
        """The rest of an answer that was stopped is wanted, unless something else is."""
        if self._wanted is None or self._fills:
            self.want_as(replace(self._asked, instructions=instructions, request=""))
            self._goes_on = True

    @property
    def goes_on(self) -> bool:
        """Whether what is wanted is the rest of an answer that broke off."""
        return self._goes_on

    def fill(self, instructions: str) -> None:
        """A word to the caller is wanted meanwhile, as long as nothing else is."""
        if not (self.pending or self._lost):
            self._wanted, self._fills = Respond(instructions, may_call=False), True

    @property
    def wanted(self) -> Respond:
        """What is to be asked for next."""
        return self._wanted or PLAIN

    def forget(self) -> Respond:
        """No answer is wanted any more; what was to be asked."""
        dropped, self._wanted = self._wanted, None
        self._goes_on = self._behind = False
        return dropped or PLAIN

    def due(self, now: int) -> Respond | None:
        """The request for the answer that is wanted, if it may be made now."""
        return None if self.busy or now < self._not_before else self._wanted

    def ask(self, now: int) -> Respond | None:
        """The same, and it counts as made."""
        if self._wanted is None or self.due(now) is None:
            return None
        self._asked, self._asked_to_fill = self._wanted, self._fills
        self._wanted, self._cancelled_at, self._behind = None, None, False
        self._make(asked_at=now)
        return self._asked

    def started(self, response_id: str, now: int) -> Respond:
        """An answer has begun, asked for or not. One that was cancelled before is dropped at once.

        Returns what it answers: where the model began by itself, knowing all, what was wanted.
        """
        if self._asked_at is not None:
            self._patience = min(max(self._patience, 2 * (now - self._asked_at)), START_LIMIT_US)
        self._alive_at, self._not_before, self._called = now, 0, False
        if self._asked_at is None:
            self._asked = PLAIN if self._behind else self.forget()
            self._asked_to_fill, self._cancelled_at = False, None
        elif self._cancelled_at is not None:
            self.drop(response_id)
        self._make(response_id)
        return self._asked

    def alive(self, response_id: str, now: int) -> None:
        """Something of an answer has come."""
        if response_id == self.active:
            if now - self._alive_at > self._longest_gap:
                self._longest_gap = now - self._alive_at
                self._stall = min(max(SHORTEST_STALL_US, 2 * self._longest_gap), LONGEST_STALL_US)
            self._alive_at, self._called = now, False

    def called(self, response_id: str, now: int) -> None:
        """A function call of an answer is complete; it counts once the whole answer is."""
        if response_id == self.active:
            self.alive(response_id, now)
            self._called = True

    @property
    def calls(self) -> bool:
        """Whether the last that has come of an answer is a function call."""
        return self._called

    @property
    def standing(self) -> object:
        """Another one where something else is made, asked for or wanted than before."""
        made = self.active, self._called, self._cancelled_at
        return made, self._asked_at, self._wanted, self._not_before

    def ended(self, response_id: str, *, failed: bool) -> None:
        """An answer is complete, cut, or failed."""
        if not failed:
            self._tries = self._not_before = 0
        if response_id == self.active:
            self._cancelled_at = None
            self._make(asked_at=self._asked_at)

    @property
    def tries(self) -> int:
        """How often an answer was asked for again because it had failed, in a row."""
        return self._tries

    def retry(self, now: int, pause: int) -> bool:
        """Want a failed answer again, a little later; False where that was done often enough.

        A word meanwhile is not said later: there will be another one, or the answer.
        """
        if self._tries >= RETRIES or self._asked_to_fill:
            return False
        self._tries, self._not_before = self._tries + 1, now + pause
        if self._wanted is None or self._fills:
            self.want_as(self._asked)
        return True

    def again(self) -> None:
        """Want of another session what was asked of this one."""
        if not self._asked_to_fill and (self._wanted is None or self._fills):
            self.want_as(self._asked)

    def refused(self) -> bool:
        """The request was refused; whether there was one."""
        there, self._cancelled_at = self._asked_at is not None, None
        self._make(self.active)
        return there

    def not_active(self) -> None:
        """The answer that was to be stopped had ended already, and its end was not heard of."""
        if self.active and self._cancelled_at is not None:
            self._cancelled_at = None
            self._make()

    def later(self, now: int) -> None:
        """Ask again once the answer is over that was in the way, whoever had begun it."""
        self._tries, self._behind = self._tries + 1, True
        if not self.active:
            self._not_before = now + IN_THE_WAY_US
        if self._wanted is None:
            self._wanted, self._fills = self._asked, self._asked_to_fill

    def waits(self, now: int) -> bool:
        """Whether an answer is wanted and may not be asked for yet."""
        return self._wanted is not None and not self.busy and now < self._not_before

    def cancel(self, now: int) -> Cancel | None:
        """The order to stop the answer that is being made, given once."""
        if not self.busy or self._cancelled_at is not None:
            return None
        self._cancelled_at = now
        if self.active:
            self.drop(self.active)
        return Cancel(self.active)

    def drop(self, response_id: str) -> None:
        """Whatever still comes of this answer is late."""
        keep(self._dropped, response_id, None, REMEMBERED)

    def is_dropped(self, response_id: str) -> bool:
        """Whether this answer has been cancelled."""
        return response_id in self._dropped

    @property
    def deadline(self) -> int | None:
        """When a request or a cancellation will have gone unanswered for too long."""
        if self._cancelled_at is not None and self.busy:
            return self._cancelled_at + STOP_LIMIT_US
        if self._asked_at is not None:
            return self._asked_at + START_LIMIT_US
        return self._not_before if self._wanted is not None and not self.active else None

    def doubtful_at(self, *, speaks: bool) -> int | None:
        """When it will be doubtful whether the session still lives; `speaks`: within a sentence."""
        if not self.busy:
            return None
        if self._cancelled_at is not None:
            return self._cancelled_at + self._patience
        if self._asked_at is not None:
            return self._asked_at + self._patience
        stalls = speaks or self._called
        return self._alive_at + (self._stall if stalls else THINKS_US)

    def stands_still_since(self, *, speaks: bool) -> int | None:
        """Since when something is due that takes no thinking; `speaks`: within a sentence."""
        if not self.busy or self._cancelled_at is not None:
            return None
        if self._asked_at is not None:
            return self._asked_at
        return self._alive_at if speaks or self._called else None

    def overdue(self, now: int) -> bool:
        """Give up what has gone unanswered for too long; says whether there was such a thing."""
        if not self.busy or (due := self.deadline) is None or now < due:
            return False
        if self.active:
            self.drop(self.active)
        self._cancelled_at = None
        self._make()
        return True

    def suspend(self, go_on: str) -> None:
        """The session is gone; what it was making or asked for is wanted of the next.

        `go_on`: instructions where part of the answer has come.
        """
        if self.active:
            self.drop(self.active)
        fills = self._asked_to_fill
        if self.busy and self._cancelled_at is None and self._wanted is None and not fills:
            asked = self._asked
            self._wanted = replace(asked, instructions=go_on) if go_on else asked
            self._fills, self._goes_on = False, bool(go_on)
        self._cancelled_at, self._not_before, self._tries = None, 0, 0
        self._make()

    def lost(self) -> None:
        """The model is gone: nothing is being made, and nothing is wanted from now on."""
        self._lost = True
        if self.active:
            self.drop(self.active)
        self._wanted = self._cancelled_at = None
        self._make()
