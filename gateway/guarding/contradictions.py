"""Contradictions: what a policy says that cannot be meant, or cannot be done."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from gateway.call.guard.expressions import ExpressionError, checked
from gateway.call.guard.folding import fold
from gateway.call.guard.matching import rulebook
from gateway.call.guard.rules import GuardPolicy, Rule

LONGEST = 200  # characters of a word, or of a sentence to be compared with
SIGNS = ("words", "patterns", "pii", "injection", "like", "moderation")
NEEDS = {"replace": "phrase", "steer": "steer", "transfer": "target"}
SPEAKS = ("replace", "transfer", "end")


def contradictions(policy: GuardPolicy) -> list[str]:
    """What is wrong with a policy, in sentences that name the rule; nothing where all is well."""
    found = [f"rule {rule.name!r}: {one}" for rule in policy.rules for one in _alone(rule)]
    return found or [*_times(policy), *_together(policy)]


def _alone(rule: Rule) -> Iterator[str]:
    yield from _expressions(rule)
    if not any(getattr(rule, sign) for sign in SIGNS):
        yield f"it says nothing to look for; give at least one of {', '.join(SIGNS)}"
    if (needed := NEEDS.get(rule.action)) and not getattr(rule, needed):
        yield f'action = "{rule.action}" needs {needed}'
    if rule.phrase and rule.action not in SPEAKS:
        yield f'action = "{rule.action}" says no phrase; take it out, or use action = "replace"'
    if rule.steer and rule.action != "steer":
        yield f'steer is for action = "steer", and the action is "{rule.action}"'
    if rule.target and rule.action != "transfer":
        yield f'target is for action = "transfer", and the action is "{rule.action}"'
    if rule.threshold and not rule.moderation:
        yield "threshold is for moderation, and it names no category"
    for which in ("tools", "fields"):
        if getattr(rule, which) and not {"arguments", "results"} & set(rule.places):
            yield f'{which} is for the places "arguments" and "results", and it names neither'
    if rule.injection and not {"caller", "results"} & set(rule.places):
        yield 'injection is looked for at the places "caller" and "results", and it names neither'
    if rule.asks and "arguments" in rule.places:
        yield "like and moderation are not asked about arguments; take the place out"
    if rule.asks and rule.action == "redact" and set(rule.places) != {"assistant"}:
        yield "like and moderation judge a text as a whole, so that nothing in it can be redacted"
    for word in rule.words:
        if not any(letter.isalnum() for letter in fold(word).text) or len(word) > LONGEST:
            yield f"{word[:40]!r} is no word or phrase"


def _expressions(rule: Rule) -> Iterator[str]:
    for pattern in (*rule.patterns, *rule.unless):
        try:
            checked(pattern)
        except ExpressionError as error:
            yield str(error)
            return
    for word in rule.words:
        for excuse in rule.unless:
            if (0, len(word)) in checked(excuse).spans(word):
                yield f"unless = {excuse!r} excuses its own word {word!r}, which is so never found"


def _times(policy: GuardPolicy) -> Iterator[str]:
    if policy.hold and not policy.at("assistant"):
        yield 'hold = true, but no rule has the place "assistant": there is nothing to hold for'
    if policy.sentence > policy.patience:
        yield "sentence_ms is longer than patience_ms, which is the longest that anything is held"


def _together(policy: GuardPolicy) -> Iterator[str]:
    names = [rule.name for rule in policy.rules]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"two rules have the name {name!r}"
    for one, other in combinations(policy.rules, 2):
        both = {one.action, other.action} <= {"transfer", "end"}
        differ = (one.action, one.target) != (other.action, other.target)
        meet = both and differ and set(one.places) & set(other.places)
        if meet and (same := _shared(one, other)):
            yield (
                f"the rules {one.name!r} and {other.name!r} both look for {same} at the same place,"
                f" and one says {_does(one)}, the other {_does(other)}"
            )
    book = rulebook(policy)
    for rule in policy.rules:
        broken = book.judge("assistant", rule.phrase).worst if rule.phrase else None
        if broken is not None:
            yield (
                f"the phrase of the rule {rule.name!r} may not be said: the rule {broken.name!r}"
                " forbids it"
            )


def _shared(one: Rule, other: Rule) -> str:
    for sign in ("words", "patterns", "pii", "moderation"):
        if same := set(getattr(one, sign)) & set(getattr(other, sign)):
            return repr(min(same))
    return "injection" if one.injection and other.injection else ""


def _does(rule: Rule) -> str:
    return f'action = "{rule.action}"' + (f" to {rule.target}" if rule.target else "")
