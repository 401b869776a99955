"""What a model is told of tool calls, in words that let it go on well."""

from __future__ import annotations

import json
from typing import Any


def told(status: str, message: str, instructions: str = "") -> str:
    """An output: what became of the call, what the caller may hear, what the model is to do."""
    words = {"status": status, "message": message, "instructions": instructions}
    return json.dumps({key: value for key, value in words.items() if value}, ensure_ascii=False)


NOT_RUN = '{"error": "cancelled: the answer that asked for it was interrupted"}'
ABANDONED = '{"error": "cancelled: the call is over"}'
CANCELLED = told("cancelled", "", "The caller does not want it any more.")
DROPPED = told("dropped", "", "The result came after the caller had gone on. Say nothing of it.")
NOTHING_RUNS = told(
    "nothing",
    "There is nothing under way that I could stop.",
    "If the caller wants something undone, there may be another tool for it.",
)
TOO_LONG = "The arguments are too long: {} characters, at most {}. Call it again with less."
NO_OBJECT = "The arguments do not fit. Give them as a JSON object."
MISSING = "The arguments do not fit. What is missing: {}."
TOO_MANY_AT_ONCE = "Not run: too many tools are at work. Wait for one of them."
TOO_MANY_ROUNDS = told(
    "not_run",
    "I am sorry, I could not finish that.",
    "Too many calls in a row. Answer the caller with what you know, and call nothing.",
)
REFUSED = told(
    "not_agreed",
    "All right, I have not done it.",
    "The caller did not agree. Do not call it again unless they ask for it.",
)
UNCLEAR = told(
    "needs_consent",
    "Shall I do it? Please say yes or no.",
    "Nothing has been done: it is not clear from the caller's words that they agree. Ask for a "
    "plain yes or no, and after a yes call it again with the same arguments.",
)

WAITS = (
    "What you have started for the caller ({}) is taking a moment. Tell them so in one short "
    "sentence, in their language. You do not know the result yet; promise nothing."
)
STILL_WAITS = (
    "What you have started for the caller ({}) is still taking time. Tell them in one short "
    "sentence, in other words than before, that you are still working on it."
)
KNOWN = " This much is known: {}"


def exactly(words: str) -> str:
    """An instruction to say just this."""
    plain = " ".join(words.replace('"', "'").split())
    return f'Say exactly this to the caller, and nothing else: "{plain}"'


def ask_first(name: str, arguments: Any) -> str:
    """What a model is told that has called something for which the caller has to agree."""
    what = name.replace("_", " ").replace("-", " ")
    if isinstance(arguments, dict) and arguments:
        listed = ", ".join(f"{key.replace('_', ' ')} {_plain(arguments[key])}" for key in arguments)
        what = f"{what}, {listed}"
    return told(
        "needs_consent",
        f"Shall I go ahead with this: {what}?",
        "Nothing has been done yet. Tell the caller in one sentence what you are about to do and "
        "ask whether you should. After they have said yes, call it again with the same arguments.",
    )


def give_up(name: str) -> str:
    """What a model is told that gets the arguments of a tool wrong again and again."""
    return told(
        "not_run",
        "I am sorry, that did not work.",
        f"The arguments for {name} were wrong again and again. Do not call it again now. Tell the "
        "caller that it did not work, and ask for what you need.",
    )


def stopped(names: str) -> str:
    """What a model is told that had the work stopped."""
    what = f"Stopped: {names}. What had been done of it by then stays done."
    return told("stopped", "All right, I have stopped that.", what)


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:100]
