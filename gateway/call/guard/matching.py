"""Matching: a text held against the rules of a place: which of them it breaks, and where."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from gateway.call.guard.expressions import Expression, compiled, phrase
from gateway.call.guard.folding import Folded, fold
from gateway.call.guard.marks import injected
from gateway.call.guard.rules import ACTIONS, GuardPolicy, Place, Rule
from gateway.redaction.detect import Policy
from gateway.redaction.detect import find as detect

LONGEST = 200_000  # characters of one text that are looked at
DEEPEST = 64  # levels of JSON that are walked through
FLAGGED, LIKE, MODERATION = "flagged:", "like:", "moderation:"  # how names of scores begin

Scores = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that a text breaks, and where in it."""

    rule: Rule
    start: int
    end: int
    kind: str = ""  # of personal data, where it is that


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of a text, and what of it may be passed on."""

    text: str
    hits: tuple[Hit, ...] = ()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Those that were broken, each once."""
        return tuple(dict.fromkeys(hit.rule for hit in self.hits))

    @property
    def worst(self) -> Rule | None:
        """The rule whose action weighs most, if one is broken that does more than note it."""
        broken = [rule for rule in self.rules if rule.action != "note"]
        return max(broken, key=lambda rule: ACTIONS.index(rule.action), default=None)


Find = Callable[[Folded, str], Iterator[tuple[int, int, str]]]


@dataclass(frozen=True, slots=True)
class Matcher:
    """A rule made ready. `finds` give stretches of the original text."""

    rule: Rule
    finds: tuple[Find, ...]
    unless: tuple[Expression, ...] = field(default=())

    def hits(self, folded: Folded, text: str) -> Iterator[Hit]:
        """Where the rule is broken, but for what it excuses."""
        excused = [span for one in self.unless for span in one.spans(text)]
        for find in self.finds:
            for start, end, kind in find(folded, text):
                if not any(low < end and start < high for low, high in excused):
                    yield Hit(self.rule, start, end, kind)

    def remote(self, text: str, scores: Scores) -> Iterator[Hit]:
        """Whether somebody who was asked says that it is broken."""
        rule = self.rule
        flagged = (
            name.partition(":")[2]
            for name, score in scores.items()
            if (not rule.threshold and name.startswith(FLAGGED))
            or (rule.threshold and name.startswith(MODERATION) and score >= rule.threshold)
        )
        named = any(fnmatchcase(name, wanted) for name in flagged for wanted in rule.moderation)
        alike = bool(rule.like) and scores.get(LIKE + rule.name, 0.0) >= rule.likeness
        if (named or alike) and not any(next(one.spans(text), None) for one in self.unless):
            yield Hit(rule, 0, len(text))


class Rulebook:
    """A policy made ready. Holds nothing of any call."""

    def __init__(self, policy: GuardPolicy) -> None:
        self._matchers = tuple(map(_matcher, policy.rules))

    def judge(
        self, place: Place, text: str, *, tool: str = "", field: str = "", since: int = 0
    ) -> Verdict:
        """What the rules say. What ends before `since` has been judged already."""
        head, rest = text[:LONGEST], text[LONGEST:]
        folded = fold(head)
        hits = tuple(
            hit
            for matcher in self._at(place, tool, field)
            for hit in matcher.hits(folded, head)
            if hit.end > since
        )
        return Verdict(_masked(head, hits) + rest, hits)

    def judge_json(self, place: Place, text: str, *, tool: str = "") -> Verdict:
        """The same for the arguments or the result of a tool: string by string where it is JSON."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return self.judge(place, text, tool=tool)
        found: list[Hit] = []

        def one(said: str, field: str) -> str:
            verdict = self.judge(place, said, tool=tool, field=field)
            found.extend(verdict.hits)
            return verdict.text

        masked = _walked(value, one)
        if not found:
            return Verdict(text)
        return Verdict(json.dumps(masked, ensure_ascii=False), tuple(found))

    def remote(self, place: Place, text: str, scores: Scores, *, tool: str = "") -> Verdict:
        """What follows from the word of those who were asked."""
        hits = [hit for one in self._at(place, tool) for hit in one.remote(text, scores)]
        return Verdict(text, tuple(hits))

    def unanswered(self, place: Place, text: str, *, tool: str = "") -> Verdict:
        """What follows where those who were asked have not answered, and nothing passes unasked."""
        asking = [one.rule for one in self._at(place, tool) if one.rule.asks]
        return Verdict(text, tuple(Hit(rule, 0, len(text)) for rule in asking[:1]))

    def _at(self, place: Place, tool: str, field: str = "") -> Iterator[Matcher]:
        for matcher in self._matchers:
            rule = matcher.rule
            if place not in rule.places:
                continue
            of_tools = place in ("arguments", "results")
            if not of_tools or (_named(tool, rule.tools) and _named(field, rule.fields)):
                yield matcher


def _named(name: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


@lru_cache(maxsize=64)
def rulebook(policy: GuardPolicy) -> Rulebook:
    """All calls of a policy share what was made ready for it."""
    return Rulebook(policy)


def _matcher(rule: Rule) -> Matcher:
    finds: list[Find] = []
    if rule.words:
        every = (phrase(fold(words).text) for words in rule.words)
        finds.append(_in_folded(compiled("|".join(every))))
    finds += [_in_both(compiled(pattern)) for pattern in rule.patterns]
    if rule.pii:
        finds.append(_personal(Policy(frozenset(rule.pii))))
    if rule.injection:
        finds.append(_sentences_with_marks)
    return Matcher(rule, tuple(finds), tuple(compiled(pattern) for pattern in rule.unless))


def _in_folded(expression: Expression) -> Find:
    def find(folded: Folded, text: str) -> Iterator[tuple[int, int, str]]:
        for start, end in expression.groups(folded.text):
            yield *folded.span(start, end), ""

    return find


def _in_both(expression: Expression) -> Find:
    """As it stands, and where that finds nothing, without its disguises."""

    def find(folded: Folded, text: str) -> Iterator[tuple[int, int, str]]:
        plain = list(expression.spans(text))
        for start, end in plain:
            yield start, end, ""
        if not plain:
            for start, end in expression.spans(folded.text):
                yield *folded.span(start, end), ""

    return find


def _personal(policy: Policy) -> Find:
    def find(folded: Folded, text: str) -> Iterator[tuple[int, int, str]]:
        for found in detect(text, policy):
            yield found.start, found.end, found.kind

    return find


def _sentences_with_marks(folded: Folded, text: str) -> Iterator[tuple[int, int, str]]:
    """An order goes with all of its sentence."""
    for start, end in injected(folded, text):
        low = max(text.rfind(stop, 0, start + 1) for stop in "\n.!?")
        highs = [place for stop in "\n.!?" if (place := text.find(stop, end)) >= 0]
        low = min(low + 1, start)
        low += len(text[low:start]) - len(text[low:start].lstrip())
        yield low, max(min(highs, default=len(text)), end), ""


def _masked(text: str, hits: tuple[Hit, ...]) -> str:
    """The text without what rules want redacted; what overlaps is taken away in one."""
    stretches = sorted((hit for hit in hits if hit.rule.action == "redact"), key=lambda h: h.start)
    done, pieces = 0, []
    for hit in stretches:
        if hit.end > done:
            if hit.start >= done:
                pieces += [text[done : hit.start], f"[{hit.kind or hit.rule.name}]"]
            done = hit.end
    return "".join((*pieces, text[done:]))


def _walked(value: Any, change: Callable[[str, str], str], field: str = "", depth: int = 0) -> Any:
    """A JSON value with its texts changed, names of members and numbers too where they have to.

    `field`: the member that holds it, also through lists.
    """
    if depth > DEEPEST:
        return change(json.dumps(value, ensure_ascii=False), field)
    if isinstance(value, str):
        return change(value, field)
    if isinstance(value, dict):
        return {change(k, ""): _walked(v, change, k, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [_walked(one, change, field, depth + 1) for one in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        changed = change(str(value), field)
        return value if changed == str(value) else changed
    return value
