"""Naming: the worker that a request is for, as the call or the token in it names it."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

NAMED = re.compile(r"(?:call|rtc)_([0-9a-f]{2})[0-9a-f]{16}(?![0-9a-f])")
TOKEN = re.compile(r"resume_([0-9a-f]{2})\.")
IN_QUERY = {"call": NAMED, "call_id": NAMED, "resume": TOKEN}


def owner(path: str, query: str) -> int | None:
    """Which worker a request is for; nothing where any may answer it."""
    found = NAMED.search(path)
    if found is None and ("call" in query or "resume" in query):
        values = parse_qs(query)
        for name, pattern in IN_QUERY.items():
            if found := pattern.match(values.get(name, [""])[0]):
                break
    return int(found.group(1), 16) if found else None
