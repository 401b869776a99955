"""Trial: what a policy would have done with texts that were said before, or were made up for it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from gateway.call.guard.matching import Verdict, rulebook
from gateway.call.guard.rules import GuardPolicy, Place
from gateway.call.guard.words import Check
from gateway.errors import TrunklineError
from gateway.guarding.checking import CallChecks, Checker
from gateway.settings.guard import Moderation

if TYPE_CHECKING:
    from gateway.store.reading import Reading

SHOWN = 90  # characters of a text


@dataclass(frozen=True, slots=True)
class Turn:
    """A text, and where in a call it stands."""

    place: Place
    text: str
    source: str  # the file or the call
    tool: str = ""
    kind: str = ""  # what it was written for, where it says so


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a text: by the rules alone, and by all who are asked."""

    turn: Turn
    alone: Verdict
    asked: Verdict

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of those that it breaks."""
        names = (rule.name for rule in (*self.alone.rules, *self.asked.rules))
        return tuple(dict.fromkeys(names))

    @property
    def stopped(self) -> bool:
        """Whether it would not have gone on as it was."""
        return self.alone.worst is not None or self.asked.worst is not None


# ---------------------------------------------------------------- where the texts come from


def turns_of(path: Path) -> Iterator[Turn]:
    """The texts of a file: one JSON object a line, with place and text, or of a transcript.

    Raises TrunklineError where a line is neither.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TrunklineError(f"{path} cannot be read as a file of texts: {error}") from None
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield from _turns(json.loads(line), path.name)
            except (ValueError, TypeError, AttributeError, KeyError):
                raise TrunklineError(
                    f"{path}, line {number}: expected a line of a transcript, or an object like"
                    ' {"place": "caller", "text": "Where is my order?"}; places are'
                    f" {', '.join(get_args(Place))}"
                ) from None


def _turns(line: dict[str, Any], source: str) -> Iterator[Turn]:
    if "place" in line:
        if line["place"] not in get_args(Place) or not isinstance(line["text"], str):
            raise ValueError(line["place"])
        place = cast(Place, line["place"])
        yield Turn(place, line["text"], source, line.get("tool", ""), line.get("kind", ""))
    elif "tool" in line:
        yield from _of_tool(line["tool"], line.get("arguments", ""), line.get("output", ""), source)
    elif "caller" in line or "assistant" in line:
        who: Place = "caller" if "caller" in line else "assistant"
        yield Turn(who, line[who], source)
    elif "call" not in line:  # how a transcript begins
        raise ValueError("neither")


def _of_tool(name: str, arguments: str, output: str, source: str) -> Iterator[Turn]:
    yield Turn("arguments", arguments, source, name)
    if output:
        yield Turn("results", output, source, name)


async def turns_in(reading: Reading, calls: Iterable[str]) -> AsyncIterator[Turn]:
    """What was said and done in calls that the books have."""
    for call in calls:
        for row in await reading.turns(call):
            who: Place = "caller" if row["who"] == "caller" else "assistant"
            yield Turn(who, row["said"], call)
        for row in await reading.tools(call):
            for turn in _of_tool(row["name"], row["arguments"], row["output"], call):
                yield turn


# ---------------------------------------------------------------- what becomes of them


async def tried(
    policy: GuardPolicy, turns: Sequence[Turn], moderation: Moderation | None = None
) -> list[Finding]:
    """Each text under the policy. The endpoint is asked only where one is given."""
    checker = Checker()
    await checker.prepare(policy)
    checks = CallChecks(checker, policy, moderation or Moderation())
    try:
        return [await _tried(policy, turn, checks) for turn in turns]
    finally:
        await checker.close()


async def _tried(policy: GuardPolicy, turn: Turn, checks: CallChecks) -> Finding:
    book, place = rulebook(policy), turn.place
    judge = book.judge_json if place in ("arguments", "results") else book.judge
    alone = judge(place, turn.text, tool=turn.tool)
    scores: Mapping[str, float] = {}
    if policy.asks(place):
        scores = (await checks.run(Check("trial", place, turn.text))).scores
    return Finding(turn, alone, book.remote(place, turn.text, scores, tool=turn.tool))


def summary(policy: GuardPolicy, findings: Sequence[Finding]) -> str:
    """What was found, for people."""
    stopped = [one for one in findings if one.stopped]
    lines = [f"{policy.label}: {len(findings)} texts, {len(stopped)} stopped or changed"]
    for one in findings:
        for rule in one.rules:
            said = " ".join(one.turn.text.split())[:SHOWN]
            lines.append(f"  {one.turn.source}  {one.turn.place:<9}  {rule:<20}  {said}")
    times = Counter(rule for one in findings for rule in one.rules)
    lines += [f"{times[rule.name]:6}  {rule.name} ({rule.action})" for rule in policy.rules]
    return "\n".join(lines) + "\n"


def table(findings: Sequence[Finding]) -> str:
    """The same as a table of Markdown, by file, place and kind."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for one in findings:
        groups.setdefault((one.turn.source, one.turn.place, one.turn.kind), []).append(one)
    rows = [
        "| file | place | kind | texts | stopped by rules alone | with likeness of meaning |",
        "|---|---|---|---:|---:|---:|",
    ]
    rows += [_row(*names, found=found) for names, found in groups.items()]
    for source in dict.fromkeys(one.turn.source for one in findings):
        found = [one for one in findings if one.turn.source == source]
        rows.append(_row(f"**{source}**", "", "", found=found))
    return "\n".join(rows) + "\n"


def _row(*names: str, found: Sequence[Finding]) -> str:
    alone = sum(one.alone.worst is not None for one in found)
    counts = (len(found), alone, sum(one.stopped for one in found))
    return f"| {' | '.join((*names, *map(str, counts)))} |"
