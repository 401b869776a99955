"""Responses: at most one answer at a time, asked for in turn, dropped for good once cancelled."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from gateway.call.effects import Cancel, Respond

START_LIMIT_US = 20_000_000  # an answer that has not begun by then will not
STOP_LIMIT_US = 5_000_000  # a cancelled answer that has not ended by then is taken as ended
RETRY_US = 1_000_000  # before a failed answer is asked for again, once
REMEMBERED = 256

GO_ON = (
    "A noise interrupted you, not the caller. Go on from where you stopped, "
    "without mentioning the interruption."
)


class Responses:
    """Serialises `response.create`: never while one is being made, and one for many reasons."""

    def __init__(self) -> None:
        self.active = ""  # id of the answer that is being made
        self._asked_at: int | None = None  # asked for, and not begun
        self._wanted: Respond | None = None  # to be asked for
        self._asked = Respond()  # what was asked for last
        self._fills = False  # what is wanted is but a word meanwhile, which any answer replaces
        self._asked_to_fill = False
        self._cancelled_at: int | None = None
        self._not_before = 0
        self._retried = False
        self._dropped: OrderedDict[str, None] = OrderedDict()

    @property
    def busy(self) -> bool:
        """Whether an answer is being made, or has been asked for."""
        return bool(self.active) or self._asked_at is not None

    @property
    def pending(self) -> bool:
        """Whether an answer is being made or will be."""
        return self.busy or self._wanted is not None

    def want(self, instructions: str = "", *, may_call: bool = True) -> None:
        """An answer is wanted as soon as none is being made; special instructions win over none."""
        before = self._wanted if self._wanted is not None and not self._fills else Respond()
        self.want_as(
            replace(
                before,
                instructions=instructions or before.instructions,
                may_call=may_call and before.may_call,
            )
        )

    def want_as(self, respond: Respond) -> None:
        """The same, with all that holds for this answer alone."""
        self._wanted, self._fills = respond, False

    def fill(self, instructions: str) -> None:
        """A word to the caller is wanted meanwhile, as long as nothing else is."""
        if not self.pending:
            self._wanted, self._fills = Respond(instructions, may_call=False), True

    @property
    def wanted(self) -> Respond:
        """What is to be asked for next."""
        return self._wanted or Respond()

    def forget(self) -> Respond:
        """No answer is wanted any more; what was to be asked."""
        dropped, self._wanted = self._wanted, None
        return dropped or Respond()

    def ask(self, now: int) -> Respond | None:
        """The request for the answer that is wanted, if it may be made now."""
        if self._wanted is None or self.busy or now < self._not_before:
            return None
        self._asked, self._asked_to_fill = self._wanted, self._fills
        self._wanted, self._asked_at, self._cancelled_at = None, now, None
        return self._asked

    def started(self, response_id: str) -> Respond:
        """An answer has begun, asked for or not. One that was cancelled before is dropped at once.

        Returns what it answers: where the model began by itself, knowing all, what was wanted.
        """
        if self._asked_at is None:
            self._asked, self._asked_to_fill = self.forget(), False
            self._cancelled_at = None
        elif self._cancelled_at is not None:
            self.drop(response_id)
        self.active, self._asked_at = response_id, None
        return self._asked

    def ended(self, response_id: str, *, failed: bool) -> None:
        """An answer is complete, cut, or failed."""
        self._retried = self._retried and failed
        if response_id == self.active:
            self.active, self._cancelled_at = "", None

    def retry(self, now: int) -> bool:
        """Want a failed answer once more, a little later; False if this was done already.

        A word meanwhile is not said later: there will be another one, or the answer.
        """
        if self._retried or self._asked_to_fill:
            return False
        self._retried, self._not_before = True, now + RETRY_US
        self.want_as(self._asked)
        return True

    def refused(self, *, already_active: bool) -> None:
        """The request was refused. Where an answer is being made already, ask again after it."""
        if self._asked_at is None:
            return
        self._asked_at = self._cancelled_at = None
        if already_active and self._wanted is None:
            self._wanted, self._fills = self._asked, self._asked_to_fill

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
        self._dropped[response_id] = None
        while len(self._dropped) > REMEMBERED:
            self._dropped.popitem(last=False)

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

    def overdue(self, now: int) -> bool:
        """Give up what has gone unanswered for too long; says whether there was such a thing."""
        if not self.busy or self.deadline is None or now < self.deadline:
            return False
        if self.active:
            self.drop(self.active)
        self.active, self._asked_at, self._cancelled_at = "", None, None
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
        self.active, self._asked_at, self._cancelled_at, self._not_before = "", None, None, 0

    def lost(self) -> None:
        """The model is gone: nothing is being made, nothing is wanted."""
        if self.active:
            self.drop(self.active)
        self.active, self._asked_at, self._wanted, self._cancelled_at = "", None, None, None
