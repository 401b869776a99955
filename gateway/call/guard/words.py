"""Words between the guard and the world: what it asks and notes, and what it is answered."""

from __future__ import annotations

from dataclasses import field

from gateway.call.guard.rules import Action, Place
from gateway.call.value import value


@value
class Check:
    """Have a text looked at by those whom the call's rules name; answered by Checked."""

    check_id: str
    place: Place
    text: str
    before: str = ""  # what was said before it, in the same answer


@value
class Checked:
    """What those say of a text who were asked: how like it is to something, from 0 to 1."""

    check_id: str
    scores: dict[str, float] = field(default_factory=dict)
    failed: str = ""  # why there is no answer


@value
class Guarded:
    """A rule was broken: for the record of the call; what follows is ordered besides."""

    rule: str
    action: Action
    place: Place
    about: str  # the item or the function call
    policy: str
