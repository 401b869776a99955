"""How much later the caller hears an answer that is held: run as a program it prints the table.

Answers come as the reference trace has them, each piece of words before its sound, at several
speeds; words are spoken at 2.5 a second. The same answer is told twice, once held and once not.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.plan import Plan, PlaybackPolicy
from tests.call.guardstory import NO_ADVICE, story

DATA = Path(__file__).parent / "data/innocent.jsonl"
TRACE = ("response.output_audio_transcript.delta", "response.output_audio.delta")  # in this order
SPOKEN_MS = 400  # a word takes so long to be said
SPEEDS = (1.2, 2.0, 4.0, 8.0)  # times as fast as it is spoken
LEADS_MS = (0, 300)  # by which a word comes before its sound
PLAN = Plan(playback=PlaybackPolicy(lead=400_000, grain=200_000))  # in pieces that are few


@dataclass(frozen=True)
class Heard:
    """When an answer was heard, in milliseconds since its first piece of sound came."""

    first: float
    last: float


def answers() -> list[str]:
    """What an assistant says: each innocent line, several together, several as one sentence."""
    lines = [json.loads(line) for line in DATA.read_text().splitlines()]
    said = [line["text"] for line in lines if line["place"] == "assistant"]
    return [*said, " ".join(said[:3]), ", and ".join(one.rstrip(".") for one in said[:3]) + "."]


def pieces(text: str, speed: float, lead: int) -> Iterator[tuple[float, str, str]]:
    """When what comes: (milliseconds, kind, word); a word's sound comes after its text."""
    every = []
    for number, word in enumerate(text.split(" ")):
        at = number * SPOKEN_MS / speed
        every += [(at, TRACE[0], word + " "), (at + lead, TRACE[1], word)]
    yield from sorted(every, key=lambda one: one[0])


def told(text: str, speed: float, lead: int, *, hold: bool) -> Heard:
    """Tell an answer; when it was heard."""
    call = story(NO_ADVICE, hold=hold, plan=PLAN)
    began, first_sound = call.now / 1000, 0.0
    for at, kind, word in pieces(text, speed, lead):
        call.wait(max(0.0, began + at - call.now / 1000))
        if kind == TRACE[0]:
            call.words(word)
        else:
            first_sound = first_sound or call.now / 1000
            call.voice(SPOKEN_MS)
    call.feed(on.ItemEnded("resp_1", "item_a"))
    call.ends()
    call.wait(60_000)
    plays = call.times(do.Play)
    assert call.samples(do.Play) == len(text.split(" ")) * 24 * SPOKEN_MS
    return Heard(plays[0] - first_sound, plays[-1] - first_sound)


def added(speed: float, lead: int) -> tuple[list[float], list[float]]:
    """Milliseconds by which the beginning and the end of each answer come later when held."""
    pairs = [
        (told(text, speed, lead, hold=True), told(text, speed, lead, hold=False))
        for text in answers()
    ]
    return [a.first - b.first for a, b in pairs], [a.last - b.last for a, b in pairs]


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, round(share * (len(values) - 1)))]


def row(speed: float, lead: int) -> str:
    first, last = added(speed, lead)
    figures = (percentile(first, 0.5), percentile(first, 0.95), percentile(last, 0.95))
    shown = " | ".join(f"{figure:.0f} ms" for figure in figures)
    return f"| {speed:g} times as fast as spoken | {lead} ms | {shown} |"


def table() -> str:
    head = "| the model speaks | words lead by | first sound, p50 | first sound, p95 | end, p95 |"
    rows = [row(speed, lead) for speed in SPEEDS for lead in LEADS_MS]
    return "\n".join([head, "|---|---|---:|---:|---:|", *rows]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
