"""Records of earlier calls in a session's instructions, read apart from what is ordered there."""

from __future__ import annotations

import json
from dataclasses import dataclass

from gateway.embedded.mind.sentences import sentences

MARK = '{"earlier_calls"'  # how the line begins; the line before says what it is
TOLD = 2  # sentences of what was agreed that are said in a greeting


@dataclass(frozen=True, slots=True)
class Records:
    """What is known of the caller; all empty where nothing is."""

    agreed: str = ""  # in the last call in which something was
    summary: str = ""  # of the last call

    def welcomed(self, greeting: str) -> str:
        """The greeting, with what was agreed last where something was."""
        if not self.agreed:
            return greeting
        first, *rest = sentences(greeting)
        told = " ".join(sentences(self.agreed)[-TOLD:])
        back = f"Welcome back. When we spoke last, we left it at this: {told}"
        return " ".join([first, back, *rest])

    @property
    def told(self) -> str:
        """What was said last time, for who asks."""
        return self.summary or "I have no record of an earlier call with you."


def parted(text: str) -> tuple[str, Records]:
    """The instructions without the records, and the records."""
    lines = text.split("\n")
    at = next((at for at, line in enumerate(lines) if line.startswith(MARK)), None)
    if at is None:
        return text, Records()
    rest = "\n".join([*lines[: max(at - 1, 0)], *lines[at + 1 :]]).strip()
    try:
        calls = json.loads(lines[at]).get("earlier_calls", [])
        agreed = next((str(one["agreed"]) for one in calls if one.get("agreed")), "")
        summary = str(calls[0].get("summary", "")) if calls else ""
    except (ValueError, AttributeError, TypeError):
        return rest, Records()
    return rest, Records(agreed, summary)
