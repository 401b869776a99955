"""Matching: a text held against the rules of a place: which of them it breaks, and where."""

from __future__ import annotations

import json
import re
from bisect import bisect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import accumulate, islice
from typing import Any

from gateway.call.guard.expressions import Expression, compiled, phrase
from gateway.call.guard.folding import Folded, fold
from gateway.call.guard.marks import injected
from gateway.call.guard.rules import ACTIONS, GuardPolicy, Place, Rule
from gateway.redaction.detect import Policy
from gateway.redaction.detect import find as detect
from gateway.redaction.vocabulary import DIGITS, TEENS, TENS, WHOLE

LONGEST = 200_000  # characters of one text that are looked at
FEWEST = 3  # digits, or words for some, that a number has
MANY = 200  # texts of one JSON value that are looked at one by one
BETWEEN = "\n\x1e\n"  # keeps texts apart that are looked through together
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
    unless: tuple[Expression, ...]
    lines: tuple[Find, ...]  # the same for patterns that begin or end with a text

    def anywhere(self, folded: Folded, text: str) -> Iterator[tuple[int, int]]:
        """Where it may be broken in many texts, one a line; more is found than that there is."""
        for find in (*self.finds, *self.lines):
            for start, end, _ in find(folded, text):
                yield start, end

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
        leaves = list(_leaves(value))
        suspects = self._suspects(place, [said for said, _ in leaves], tool)
        if not suspects:
            return Verdict(text)
        if len(suspects) > MANY:
            return self.judge(place, text, tool=tool)
        verdicts = {
            number: self.judge(place, said, tool=tool, field=name)
            for number, (said, name) in enumerate(leaves)
            if number in suspects
        }
        hits = tuple(hit for verdict in verdicts.values() for hit in verdict.hits)
        if not hits:
            return Verdict(text)
        masked = (
            verdicts[number].text if number in verdicts else said
            for number, (said, _) in enumerate(leaves)
        )
        return Verdict(json.dumps(_rebuilt(value, masked), ensure_ascii=False), hits)

    def _suspects(self, place: Place, texts: list[str], tool: str) -> set[int]:
        """Which of these texts may break a rule: looked for in all of them at once."""
        whole = BETWEEN.join(texts)[:LONGEST]
        starts = list(accumulate((len(one) + len(BETWEEN) for one in texts), initial=0))
        folded = fold(whole)
        return {
            number
            for matcher in self._at(place, tool)
            for start, end in matcher.anywhere(folded, whole)
            for number in range(bisect(starts, start) - 1, bisect(starts, max(start, end - 1)))
            if number < len(texts)
        }

    def remote(self, place: Place, text: str, scores: Scores, *, tool: str = "") -> Verdict:
        """What follows from the word of those who were asked."""
        hits = [hit for one in self._at(place, tool) for hit in one.remote(text, scores)]
        return Verdict(text, tuple(hits))

    def unanswered(self, place: Place, text: str, *, tool: str = "") -> Verdict:
        """What follows where those who were asked have not answered, and nothing passes unasked."""
        asking = [one.rule for one in self._at(place, tool) if one.rule.asks]
        return Verdict(text, tuple(Hit(rule, 0, len(text)) for rule in asking[:1]))

    def _at(self, place: Place, tool: str, field: str | None = None) -> Iterator[Matcher]:
        for matcher in self._matchers:
            rule = matcher.rule
            if place not in rule.places:
                continue
            of_tools = place in ("arguments", "results")
            inside = field is None or _named(field, rule.fields)
            if not of_tools or (_named(tool, rule.tools) and inside):
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
    lines = tuple(_in_both(compiled(f"(?m){pattern}")) for pattern in rule.patterns)
    return Matcher(rule, tuple(finds), tuple(map(compiled, rule.unless)), lines)


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
        if not (policy.kinds & {"email"} or _many_digits(folded.text)):
            return
        for found in detect(text, policy):
            yield found.start, found.end, found.kind

    return find


def _many_digits(text: str) -> bool:
    """Whether there may be a number, written or spoken; most texts have none, and soon say so."""
    return next(islice(compiled(_digits()).spans(text), FEWEST - 1, None), None) is not None


@lru_cache(maxsize=1)
def _digits() -> str:
    words = {fold(word).text for table in (DIGITS, TEENS, TENS, WHOLE) for word in table}
    told = (re.escape(word) for word in sorted(words) if len(word) > 2 or not word.isascii())
    return rf"\pN|{'|'.join(told)}"


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


def _leaves(value: Any, field: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """The texts of a JSON value, its numbers and the names of members too, in order.

    With each the member that holds it, also through lists.
    """
    if isinstance(value, dict) and depth <= DEEPEST:
        for name, one in value.items():
            yield name, ""
            yield from _leaves(one, name, depth + 1)
    elif isinstance(value, list) and depth <= DEEPEST:
        for one in value:
            yield from _leaves(one, field, depth + 1)
    else:
        yield value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), field


def _rebuilt(value: Any, texts: Iterator[str], depth: int = 0) -> Any:
    """The same value with other texts; a number stays one where its text does."""
    if isinstance(value, dict) and depth <= DEEPEST:
        return {next(texts): _rebuilt(one, texts, depth + 1) for one in value.values()}
    if isinstance(value, list) and depth <= DEEPEST:
        return [_rebuilt(one, texts, depth + 1) for one in value]
    text = next(texts)
    if isinstance(value, str):
        return text
    return value if text == json.dumps(value, ensure_ascii=False) else text
