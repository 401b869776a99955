"""Summary: what a conversation came to, in sentences of its own: what was asked, what was agreed.

It is drawn from what was said, without a model, so that it holds nothing that nobody said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.call.effects import ShowTool, ShowWords

REQUESTS, AGREED = 5, 3  # sentences that are kept of each
LONGEST = 200  # characters of a sentence
FEWEST = 3  # words of a caller's line that says something

_BOUNDARY = re.compile(r"(?<=[.!?])\s+")
_PROMISE = re.compile(
    r"\b(?:booked|reserved|ordered|cancell?ed|scheduled|confirmed|arranged|agreed|noted|moved|sent"
    r"|changed|refunded|appointment|reservation|booking|ships|arrives|delivered"
    r"|(?:i|we|it|you|they)(?:'ll| will| shall)|see you (?:on|at|in|tomorrow|next))\b",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r"^(?:one moment|just a moment|hello|hi|good (?:morning|afternoon|evening)|goodbye|bye|sorry"
    r"|is there anything else|anything else|how can i help|what can i do|you are welcome)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Summary:
    """What a conversation came to; both are empty where nothing was said."""

    text: str = ""
    agreed: str = ""  # the assistant's sentences that say what is, or is to be


def summarise(
    lines: Iterable[ShowWords | ShowTool], *, requests: int = REQUESTS, agreed: int = AGREED
) -> Summary:
    """The requests of the caller, and the assistant's answers that came of a tool or promise.

    So many sentences of each, the last ones.
    """
    asked: list[str] = []
    told: list[str] = []
    answered = False  # by a tool, and not yet told
    for line in lines:
        if isinstance(line, ShowTool):
            answered = answered or line.status == "done"
        elif line.role == "caller":
            if len(line.text.split()) >= FEWEST:
                asked.append(_short(line.text))
        else:
            answers = [one for one in _sentences(line.text) if not _ASIDE.match(one)]
            told += [one for one in answers if answered or _PROMISE.search(one)]
            answered = answered and not answers
    wanted = list(dict.fromkeys(asked))[-requests:]
    outcome = list(dict.fromkeys(reversed(told)))[:agreed][::-1]
    parts = []
    if wanted:
        parts.append("The caller said: " + " ".join(map(_ended, wanted)))
    if outcome:
        parts.append("The assistant said: " + " ".join(outcome))
    return Summary(" ".join(parts), " ".join(outcome))


def _sentences(text: str) -> list[str]:
    return [_short(one) for one in _BOUNDARY.split(text.strip()) if one and not one.endswith("?")]


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1].rstrip() + "…"


def _ended(text: str) -> str:
    return text if text[-1:] in ".!?…" else text + "."
