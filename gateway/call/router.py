"""Router: which assistant of the plan is to answer from the caller's next turn on, by its rules.

The first rule that fits says who; where none does it is the call's own, the plan's first. The way
there is that of a session that is replaced before its end: opened beside the one in use, told what
was said, and taken into use when nobody speaks.
"""

from __future__ import annotations

import re

from gateway.call.effects import ShowWords
from gateway.call.language import language_of
from gateway.call.plan import Plan, RoutingRule

LONGEST = 2000  # characters of a turn in which words are looked for


class Router:
    """What the rules go by, as far as it is known at this moment."""

    def __init__(self, plan: Plan) -> None:
        self._policy = plan.routing
        # Whether anybody else than the call's own may ever be chosen.
        self.on = bool(plan.routing.rules or plan.routing.cheaper)
        self._words = [re.compile(rule.words, re.IGNORECASE) for rule in plan.routing.rules]
        self._language = plan.language
        self._asks_language = any(rule.languages for rule in plan.routing.rules)
        self._turns = 0  # of the caller
        self._meant: int | None = None  # the rule whose words came last
        self._meant_at = 0  # the turn in which they came
        self._spent = self._load = 0  # percent
        self._cheaper = False

    # ------------------------------------------------------------ what is known

    def see(self, words: ShowWords) -> None:
        """Notice what the caller has said, when it is certain."""
        if not (self.on and words.final and words.text):
            return
        text = words.text[:LONGEST]
        self._turns += 1
        if self._asks_language:
            self._language = language_of(text) or self._language
        for number, rule in enumerate(self._policy.rules):
            if rule.words and self._words[number].search(text):
                self._meant, self._meant_at = number, self._turns
                return

    def spent(self, percent: int) -> None:
        """So much of the call's budget is spent."""
        self._spent = percent

    def loaded(self, percent: int) -> None:
        """The gateway carries so much of what it can."""
        self._load = percent

    def cheaper(self) -> None:
        """From the next turn on the cheapest assistant answers, whatever the rules say."""
        self._cheaper = True

    # ------------------------------------------------------------ what follows

    @property
    def turn(self) -> int:
        """The caller's turns so far: in each, an assistant that could not be had is asked again."""
        return self._turns

    @property
    def choice(self) -> int:
        """The place of the assistant that is to answer."""
        if self._cheaper and self._policy.cheaper:
            return self._policy.cheaper
        rules = enumerate(self._policy.rules)
        return next((rule.assistant for number, rule in rules if self._fits(number, rule)), 0)

    def _fits(self, number: int, rule: RoutingRule) -> bool:
        return (
            (not rule.words or self._is_meant(number, rule))
            and (not rule.languages or self._language in rule.languages)
            and self._spent >= rule.spent_percent
            and self._load >= rule.load_percent
        )

    def _is_meant(self, number: int, rule: RoutingRule) -> bool:
        """Whether its words came last, and not too many turns ago."""
        if self._meant != number:
            return False
        return not rule.turns or self._turns - self._meant_at < rule.turns
