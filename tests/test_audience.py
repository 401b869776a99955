"""Who watches a call is told of what it looks at, and of nothing else."""

from __future__ import annotations

from gateway.audience import Audience
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.effects import Effect
from gateway.call.events import Event


class Everything:
    """A tap that notes what it is told of."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def event(self, event: Event, now: int) -> None:
        self.seen.append(event)

    def effect(self, effect: Effect, now: int) -> None:
        self.seen.append(effect)

    def close(self) -> None:
        self.seen.append("closed")


class Some(Everything):
    kinds = frozenset({on.Tick, do.Flush})


def tell(audience: Audience) -> None:
    audience.event(on.Tick(), 0)
    audience.event(on.AudioRefused(), 1)
    audience.effect(do.Commit(), 1)
    audience.effect(do.Flush(1), 1)


def test_a_tap_is_told_of_the_kinds_that_it_looks_at() -> None:
    every, some = Everything(), Some()
    audience = Audience([every, some])
    tell(audience)
    audience.close()
    assert every.seen == [on.Tick(), on.AudioRefused(), do.Commit(), do.Flush(1), "closed"]
    assert some.seen == [on.Tick(), do.Flush(1), "closed"]


def test_who_comes_late_is_told_from_then_on_until_it_goes() -> None:
    first, later = Everything(), Some()
    audience = Audience([first])
    tell(audience)
    audience.attach(later)
    tell(audience)
    audience.detach(later)
    tell(audience)
    assert later.seen == [on.Tick(), do.Flush(1)]
    assert len(first.seen) == 12
