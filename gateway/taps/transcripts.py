"""Transcripts: who said what and when, as JSON lines, in a file of its own for each call.

While a call goes on its lines are appended to a file beside, `….part`, as they come and again
where they change; at the end that is put in order. What a gateway that was killed has left in such
a file, the next one puts in order: `mend`.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gateway.call.effects import Effect, End, ShowTool, ShowWords
from gateway.call.events import Event
from gateway.call.plan import Plan
from gateway.privacy.vault import LOCKED, NO_KEYS, Keys, VaultError, open_sink, read
from gateway.recent import keep

log = logging.getLogger(__name__)

PART, DRAFT = ".part", ".draft"
TOOLS = 64  # function calls of which is known when they began
CRASHED = "the gateway stopped without ending the call"
_encode = json.JSONEncoder(ensure_ascii=False).encode

Line = dict[str, Any]


class Transcripts:
    """The tap: holds what is new or has changed, until it is appended."""

    kinds = frozenset({ShowWords, ShowTool, End})

    def __init__(self, path: Path, plan: Plan, keys: Keys = NO_KEYS) -> None:
        self._path = path
        self._plan = plan
        self._keys = keys
        self._part = open_sink(_part_of(path), keys)
        self._part.hold()  # somebody is at work on it
        self._over = False
        self._changed: dict[str, tuple[int, ShowWords | ShowTool]] = {}  # when it began
        self._tools: dict[str, int] = {}  # when each was called
        self._reason = ""
        self._part.write(_json(self._head()))

    def event(self, event: Event, now: int) -> None:
        """Events carry no lines of their own."""

    def effect(self, effect: Effect, now: int) -> None:
        """Keep a line, a tool call, or the reason of the end."""
        match effect:
            case ShowWords(item_id=item):
                self._changed[item] = (effect.at, effect)
            case ShowTool(call_id=item):
                keep(self._tools, item, self._tools.get(item, now), TOOLS)
                self._changed[item] = (self._tools[item], effect)
            case End(reason=reason):
                self._reason = reason

    def flush(self) -> bool:
        """Append what is new or has changed. False once the call is over."""
        if self._over:
            return False
        self._append()
        return True

    def close(self) -> None:
        """Write the file: a line of JSON for each line of the conversation."""
        self._over = True
        with closing(self._part):
            self._append()
            _, lines = _latest(read(self._part.path, self._keys))
            _put_in_order(self._path, self._head(), lines, self._keys)
            self._part.path.unlink()

    def _append(self) -> None:
        if self._changed:
            lines = [{"item": item, **_line(*line)} for item, line in self._changed.items()]
            self._part.write(b"".join(map(_json, lines)))
            self._changed.clear()

    def _head(self) -> Line:
        return {"call": self._plan.call_id, "ended": self._reason}


def mend(folder: Path, keys: Keys = NO_KEYS) -> int:
    """Put in order what gateways that were killed have left in a folder; says how many calls."""
    mended = 0
    left = (*folder.glob("*" + PART), *folder.glob("*" + PART + LOCKED))
    for part in filter(Path.is_file, sorted(left)):
        try:
            with part.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                head, lines = _latest(read(part, keys))
                whole = {"call": head.get("call", ""), "ended": CRASHED}
                path = part.with_name(part.name.removesuffix(LOCKED).removesuffix(PART))
                _put_in_order(path, whole, lines, keys)
                part.unlink()
                mended += 1
        except BlockingIOError:
            continue  # the call of another gateway, which lives
        except (OSError, VaultError) as error:
            log.error("a transcript is not mended", extra={"file": part.name, "error": str(error)})
    return mended


def _part_of(path: Path) -> Path:
    return path.with_name(path.name + PART)


def _latest(part: bytes) -> tuple[Line, Iterable[Line]]:
    """The head of a file that grew, and each line as it stood last."""
    head, *lines = _read(part) or [{}]
    return head, {line.pop("item", number): line for number, line in enumerate(lines)}.values()


def _put_in_order(path: Path, head: Line, lines: Iterable[Line], keys: Keys) -> None:
    """Whole or not at all."""
    spoken = [line for line in lines if line.get("caller") != "" and line.get("assistant") != ""]
    spoken.sort(key=lambda line: line.get("at_ms", 0))
    draft = open_sink(path.with_name(path.name + DRAFT), keys)
    with closing(draft):
        draft.write(b"".join(map(_json, [head, *spoken])))
    os.replace(draft.path, draft.path.with_name(draft.path.name.replace(DRAFT, "")))


def _line(at: int, line: ShowWords | ShowTool) -> Line:
    if isinstance(line, ShowTool):
        told = {k: v for k, v in asdict(line).items() if k not in ("call_id", "name")}
        return {"at_ms": at // 1000, "tool": line.name, **told}
    return {"at_ms": at // 1000, line.role: line.text, "cut": line.cut}


def _read(text: bytes) -> list[Line]:
    """The lines, without one that was cut off."""
    lines: list[Line] = []
    for line in text.splitlines():
        with suppress(ValueError):
            if isinstance(read := json.loads(line), dict):
                lines.append(read)
    return lines


def _json(line: Line) -> bytes:
    # Lone surrogates, which callers may send, have no place in UTF-8.
    return _encode(line).encode("utf-8", "replace") + b"\n"
