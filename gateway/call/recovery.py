"""Recovery: when to open which session with a model, so that a call is never without one for long.

Each session has a number, its epoch; what an earlier one still says is nothing. A session that is
lost is sought again at once, then with growing pauses, at every assistant of the plan in turn. One
that is about to reach its longest duration is replaced by another, opened beforehand and taken into
use when nobody speaks.
"""

from __future__ import annotations

from collections.abc import Iterator
from zlib import crc32

from gateway.call.alarm import earliest
from gateway.call.effects import Dial
from gateway.call.plan import RecoveryPolicy

FIRST_PAUSE_US = 250_000  # between two rounds of all assistants; twice as long with each round
LONGEST_PAUSE_US = 4_000_000
SETTLED_US = 10_000_000  # lost sooner, and without an answer, it counts as one that did not open
DIAL_LIMIT_US = 5_000_000  # a session that is not open by then will not be
MARGIN = 12  # a session is replaced when this part of its duration is left: 5 minutes of 60
SHUNNED = 4  # turns in which one that was lost in use is not preferred
PRESSING_US = 30_000_000  # this long before its end it is replaced while somebody speaks, too


class Recovery:
    """The sessions of one call: which is in use, which is being opened, and what comes next."""

    def __init__(self, policy: RecoveryPolicy, seed: str) -> None:
        self._policy = policy
        self._chance = crc32(seed.encode())
        self._barred: frozenset[int] = frozenset()  # assistants that refused for good
        self._current = 0  # the assistant in use, or that was
        self._dialled: tuple[int, int] | None = None  # epoch and assistant of what is being opened
        self._dialled_at = 0
        self._late: tuple[int, int] | None = None  # the same, when its time was over
        self._spare: tuple[int, int] | None = None  # open, and not yet in use
        self._last_epoch = 0
        self._waits_first = True  # the first session is being opened
        self._tries = 0  # since a session that lasted
        self._began_at = 0  # the session in use
        self._worked = False  # it has completed an answer
        self._next_at: int | None = None  # when to try again
        self._ends_at: int | None = None  # when the session in use reaches its longest duration
        self._rotate_at: int | None = None  # when another is to be opened instead of it
        self._limit = 0  # how long the spare session may last
        self._left_behind = 0  # sessions left though they were open, since an answer was complete
        self._doubts = False  # what is dialled is for a session that may have died
        self._wish: tuple[int, int] | None = None  # the assistant that is to answer, and since when
        self._wish_failed = False  # it could not be had
        self._shunned: dict[int, int] = {}  # assistants that were lost in use, and until which turn
        self._for_wish = False  # what is dialled, or spare, is for that
        self.epoch = 0  # of the session in use
        self.read = 0  # tokens that it read for its last answer
        self.away_since: int | None = None  # call time since which there is none
        self._trouble_since = 0  # no session has lasted since then

    @property
    def away(self) -> bool:
        """Whether there is none in use."""
        return self.away_since is not None

    # ------------------------------------------------------------ what happens

    def opened(self, epoch: int, limit: int, now: int) -> bool:
        """A session is open, for at most so long (0: not known). Whether it is to be used now."""
        if epoch == self.epoch and not self.away:
            return self._first(limit, now)
        came = self._dialled or self._late
        if came is None or epoch != came[0]:
            return False
        self._spare, self._dialled, self._late = came, None, None
        self._limit, self._next_at = limit, None
        return self.away

    def _first(self, limit: int, now: int) -> bool:
        """The first session of the call, which nobody had to dial; what is in use is no news."""
        first, self._waits_first = self._waits_first, False
        if first:
            self._began(limit, now)
        return first

    def use(self, now: int) -> int:
        """Take the open session into use; returns its epoch."""
        assert self._spare is not None
        (self.epoch, self._current), self._spare = self._spare, None
        self.away_since = self._next_at = None
        self._doubts = self._for_wish = self._waits_first = False
        self._began(self._limit, now)
        return self.epoch

    def answered(self, read: int = 0) -> None:
        """An answer is complete, for which so many tokens were read: the session is worth it."""
        self._left_behind, self._worked, self.read = 0, True, read

    def renew(self, now: int) -> None:
        """The session in use reads too much: have another one ready, to be told less."""
        if not self.away and self._dialled is None and not self.spare and self._next_at is None:
            self._next_at = now

    def leave(self) -> int:
        """The session in use is of no use, and will be given up for another; returns its epoch."""
        self._left_behind += 1
        return self.epoch

    def prefer(self, assistant: int, turn: int) -> None:
        """This one is to answer, once it is there; where it could not be had, from that turn on."""
        if self._wish != (assistant, turn):
            self._wish, self._wish_failed = (assistant, turn), False

    def doubt(self, now: int) -> None:
        """The session in use says nothing though it should: have another one ready."""
        if self._dialled is None and not self.spare and self._next_at is None:
            self._next_at, self._doubts = now, True

    def lost(self, epoch: int, *, fatal: bool, now: int, elsewhere: bool = False) -> bool:
        """A session is gone; `fatal`: its assistant refuses for good. Whether it was in use.

        `elsewhere`: another assistant is rather asked, where there is one.
        """
        if self._dialled is not None and epoch == self._dialled[0]:
            self._failed(self._dialled[1], fatal=fatal, now=now)
            return False
        if self._late is not None and epoch == self._late[0]:
            if fatal:
                self._barred |= {self._late[1]}
            self._late = None
            return False
        if self._spare is not None and epoch == self._spare[0]:
            self._spare = None
            if self._for_wish:
                self._wish_failed = True
            else:
                self._next_at = now + FIRST_PAUSE_US
            return False
        if epoch != self.epoch or self.away:
            return False
        if fatal:
            self._barred |= {self._current}
        self.away_since, self._ends_at, self._rotate_at = now, None, None
        if self._wish is not None:
            self._shunned[self._current] = self._wish[1] + SHUNNED
        settled = self._worked or now - self._began_at >= SETTLED_US
        lasted = settled or not self._last_epoch
        self._tries = 0 if lasted else self._tries + 1
        self._trouble_since = now if lasted else self._trouble_since
        if elsewhere and not fatal and not self._tries and self.others:
            self._tries = 1
        if self._dialled is None:
            self._next_at = now if lasted else now + self._pause()
        return True

    def _failed(self, assistant: int, *, fatal: bool, now: int) -> None:
        self._dialled = None
        if fatal:
            self._barred |= {assistant}
        if self._for_wish and not self.away:
            self._wish_failed = True
            return
        self._tries += 1
        self._next_at = now + self._pause()

    def _began(self, limit: int, now: int) -> None:
        self._began_at, self._worked, self.read = now, False, 0
        self._ends_at = now + limit if limit else None
        self._rotate_at = now + limit - limit // MARGIN if limit else None

    # ------------------------------------------------------------ what to do

    @property
    def spare(self) -> bool:
        """Whether another session is open and waits to be used."""
        if self._spare is None:
            return False
        return self.away or not self._for_wish or self._wished == self._spare[1] != self._current

    @property
    def _wished(self) -> int | None:
        """The assistant that is rather to answer than the one in use, where it may be asked."""
        if self._wish is None or self._wish_failed or self.away or self._doubts:
            return None
        wished, turn = self._wish
        shunned = wished in self._barred or turn < self._shunned.get(wished, 0)
        return None if shunned or wished == self._current else wished

    def pressing(self, now: int) -> bool:
        """Whether the session in use will end so soon that a pause cannot be waited for."""
        return self._ends_at is not None and now >= self._ends_at - PRESSING_US

    @property
    def others(self) -> bool:
        """Whether another assistant than the one in use may be asked."""
        return any(number != self._current for number in self._left)

    @property
    def may_leave(self) -> bool:
        """Whether to try another session though this one is open: each assistant has its chance."""
        return bool(self._left) and self._left_behind < self._policy.assistants

    def hopeless(self, now: int) -> bool:
        """Whether to give the call up: nobody is left to ask, or it has taken too long."""
        if not self.away or self._spare is not None:
            return False
        return not self._left or now >= self._trouble_since + self._policy.patience

    def rests(self, now: int) -> bool:
        """Whether the session in use is all that there is, and no other is to be opened by now."""
        wishes = self._wish is not None and self._wished is not None
        if wishes or self.away or self._dialled is not None or self._spare is not None:
            return False
        return (due := self.deadline) is None or now < due

    def lapse(self, now: int) -> None:
        """What was dialled and is not open by now counts as one that did not open."""
        if self._dialled is not None and now >= self._dialled_at + DIAL_LIMIT_US:
            self._late = self._dialled  # taken all the same, should it open before another
            self._failed(self._dialled[1], fatal=False, now=now)

    def dial(self, now: int) -> Iterator[Dial]:
        """The session to be opened now, if one is."""
        if not self._due(now):
            return
        self._last_epoch += 1
        self._for_wish = self._wished is not None
        chosen = self._choice() if self._wished is None else self._wished
        self._next_at = self._late = self._spare = None
        self._dialled, self._dialled_at = (self._last_epoch, chosen), now
        yield Dial(self._dialled[1], self._last_epoch)

    def _due(self, now: int) -> bool:
        if self._dialled is not None:
            return False
        if (wished := self._wished) is not None:
            return self._spare is None or self._spare[1] != wished
        at = self._rotate_at if self._next_at is None else self._next_at
        return at is not None and now >= at and not self.spare and bool(self._left)

    @property
    def _left(self) -> list[int]:
        """The assistants that may be asked, in the order of the plan."""
        if not self._policy.patience:
            return []
        return [n for n in range(self._policy.assistants) if n not in self._barred]

    def _choice(self) -> int:
        """The one that was in use first, then the others in turn; a spare from where it is now."""
        left = self._left
        if not self.away and not self._doubts:
            return self._current if self._current in left else left[0]
        start = left.index(self._current) if self._current in left else 0
        gone = self._left_behind if self._doubts else 0
        return left[(start + self._tries + gone) % len(left)]

    def _pause(self) -> int:
        """No pause before an assistant that was not asked yet; between rounds ever longer ones."""
        rounds, place = divmod(self._tries, max(1, len(self._left)))
        if place and self.away:
            return 0
        pause = min(FIRST_PAUSE_US << min(max(rounds - 1, 0), 8), LONGEST_PAUSE_US)
        # Many calls lose one server together, and must not all come back together.
        self._chance = (self._chance * 1_103_515_245 + 12_345) % 2**31
        return pause * (80 + self._chance // 65_536 % 41) // 100

    @property
    def deadline(self) -> int | None:
        """When something is to be done if nothing happens before."""
        if self._dialled is not None:
            due: int | None = self._dialled_at + DIAL_LIMIT_US
        elif self._next_at is not None or self.away:
            due = self._next_at
        elif self._spare is not None and self.spare:
            due = None if self._ends_at is None else self._ends_at - PRESSING_US
        else:
            due = self._rotate_at
        given_up_at = self._trouble_since + self._policy.patience if self.away else None
        return due if given_up_at is None else earliest((due, given_up_at))
