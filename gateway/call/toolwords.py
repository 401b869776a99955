"""What a model is told of tool calls, in words that let it go on well."""

from __future__ import annotations

import json
from typing import Any

NOT_RUN = '{"error": "cancelled: the answer that asked for it was interrupted"}'
ABANDONED = '{"error": "cancelled: the call is over"}'
CANCELLED = '{"error": "cancelled: the caller does not want it any more"}'
DROPPED = '{"status": "dropped: the result came after the caller had gone on"}'
STOPPED = "Stopped: {}. What had been done of it by then stays done."
NOTHING_RUNS = (
    "Nothing is under way. If the caller wants something undone, there may be another tool for it."
)
TOO_LONG = "The arguments are too long: {} characters, at most {}. Call it again with less."
TOO_MANY_AT_ONCE = "Not run: too many tools are at work. Wait for one of them."
TOO_MANY_ROUNDS = (
    "Not run: too many calls in a row. Answer the caller with what you know, and call nothing."
)
GIVE_UP = (
    "Not run: the arguments for {} were wrong again and again. Do not call it again now. Tell the "
    "caller that it did not work, and ask for what you need."
)
REFUSED = "Not done: the caller did not agree. Do not call it again unless they ask for it."
UNCLEAR = (
    "Not done: it is not clear from the caller's words that they agree. Ask them for a plain yes "
    "or no, and call it again after that."
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
    told = {
        "status": "needs_consent",
        "message": f"Shall I go ahead with this: {what}?",
        "instructions": "Nothing has been done yet. Tell the caller in one sentence what you are "
        "about to do and ask whether you should. After they have said yes, call it again with the "
        "same arguments.",
    }
    return json.dumps(told, ensure_ascii=False)


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:100]
