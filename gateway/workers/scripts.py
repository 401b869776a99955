"""Scripts: what gateways have a Redis do in one step, done by the parent of workers in one step.

Each stands beside the script in Lua that it does the work of; tests hold the two against each other
with a real Redis.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha1

from gateway.budgets.script import CLAIM
from gateway.sharing.scripts import RENEW, TAKE
from gateway.workers.shelf import Shelf

Reply = list[object]
Script = Callable[[Shelf, list[str], list[str]], Reply | None]


def take(shelf: Shelf, keys: list[str], values: list[str]) -> Reply:
    """Count a call where every limit has room: `TAKE`."""
    call, now = values[0], shelf.now_ms()
    for number, key in enumerate(keys, 1):
        calls = shelf.scores(key)
        for old in [one for one, until in calls.items() if until <= now]:
            del calls[old]
        if len(calls) >= float(values[2 * number - 1]):
            return [number, int(min(calls.values()) - now)]
    if call:
        for number, key in enumerate(keys, 1):
            span = int(float(values[2 * number]))
            shelf.scores(key)[call] = now + span
            shelf.expire(key, now + span)
    return [0, 0]


def claim(shelf: Shelf, keys: list[str], values: list[str]) -> Reply:
    """Count what a call has spent, and set the rest aside: `CLAIM`."""
    *accounts, last = keys
    call, at = f"h:{values[0]}", shelf.now_ms()
    known, spent, upto, held, kept = (int(float(one)) for one in values[1:6])
    given = [[int(float(one)) for one in values[at : at + 3]] for at in range(6, len(values), 3)]
    for key, (_, before, _) in zip(accounts, given, strict=True):
        if before == -1 and "spent" not in shelf.fields(key):
            return ["unknown"]
    counted = max(known, int(shelf.get(last, str) or 0))
    room, sums = max(0, upto - spent), []
    for key, (limit, before, span) in zip(accounts, given, strict=True):
        fields = shelf.fields(key)
        total = int(fields.setdefault("spent", str(before))) + max(0, spent - counted)
        fields["spent"] = str(total)
        left = limit - total
        for name, value in list(fields.items()):
            if name not in ("spent", call):
                amount, _, ends = value.partition(":")
                if int(ends) > at:
                    left -= int(amount)
                else:
                    del fields[name]
        sums.append(str(total))
        room = min(room, max(0, left))
        shelf.expire(key, at + span)
    for key in accounts:
        fields = shelf.fields(key)
        if room > 0:
            fields[call] = f"{room}:{at + held}"
        else:
            fields.pop(call, None)
    shelf.put(last, str(max(spent, counted)), at + kept)
    return ["granted", str(spent + room), *sums]


def renew(shelf: Shelf, keys: list[str], values: list[str]) -> None:
    """Say of calls that they live: `RENEW`."""
    now, span = shelf.now_ms(), int(float(values[0]))
    for key, call in zip(keys, values[1:], strict=True):
        shelf.scores(key)[call] = now + span
        shelf.expire(key, now + span)


def named(text: str) -> str:
    """How Redis calls a script."""
    return sha1(text.encode(), usedforsecurity=False).hexdigest()


SCRIPTS: dict[str, Script] = {
    named(TAKE): take,
    named(RENEW): renew,
    named(CLAIM): claim,
}
