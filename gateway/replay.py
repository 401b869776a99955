"""Replay: runs the call of a journal again, with no clock and no sockets, and compares."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import IO, Any, TypeVar, cast, get_args, get_origin, get_type_hints

import msgspec

from audio.format import SILENCE, WIDTHS, Encoding
from gateway.call import events as on
from gateway.call.events import Event
from gateway.call.machine import Call
from gateway.call.plan import Plan
from gateway.errors import TrunklineError
from gateway.privacy.vault import LOCKED, NO_KEYS, Keys, VaultError, read
from gateway.taps.journal import VERSION
from gateway.taps.rows import line_of

T = TypeVar("T")

EVENTS: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(on.Event)}


class JournalError(TrunklineError):
    """A journal that cannot be read."""


@dataclass(slots=True)
class Replay:
    """One journal, run again. `differences` runs it; the figures are there afterwards."""

    path: Path
    keys: Keys = NO_KEYS
    events: int = 0
    length: int = 0  # of the call, in microseconds
    torn: bool = False  # whether it breaks off within its last line, as where the power failed
    _encoding: Encoding = "pcm16"

    def differences(self) -> Iterator[str]:
        """A sentence for each order that differs. Raises JournalError where it is no journal."""
        lines = self._lines()
        number, head = next(lines, (1, {}))
        if head.get("journal") != VERSION:
            raise JournalError(
                f"{self.path} is not a journal of version {VERSION}: its first line should be "
                f'{{"journal": {VERSION}, "plan": …}}. Give a file that taps.journal has made.'
            )
        self._encoding = head.get("plan", {}).get("encoding", "pcm16")
        call = Call(self._build(Plan, head.get("plan", {}), number))
        due: deque[dict[str, Any]] = deque()
        for number, line in lines:
            if "event" in line:
                yield from (f"line {number}: it now orders also {_short(one)}" for one in due)
                due = deque(self._run(call, line, number))
            elif due and due[0] == line:
                due.popleft()
            else:
                ordered = _short(due.popleft()) if due else "nothing"
                yield f"line {number}: it ordered {_short(line)}, now {ordered}"
        if not self.torn:
            yield from (f"after the last line: it now orders also {_short(one)}" for one in due)

    def _run(self, call: Call, line: dict[str, Any], number: int) -> Iterator[dict[str, Any]]:
        kind = EVENTS.get(str(line["event"]))
        if kind is None or not isinstance(line.get("t"), int):
            raise JournalError(f"{self.path}, line {number}: no event that Trunkline knows")
        now: int = line["t"]
        values = {key: value for key, value in line.items() if key not in ("t", "event")}
        self.events, self.length = self.events + 1, max(now, self.length)
        event, width = self._build(kind, values, number), WIDTHS[self._encoding]
        return (line_of(effect, now, width) for effect in call.handle(event, now))

    def _lines(self) -> Iterator[tuple[int, dict[str, Any]]]:
        decode = msgspec.json.Decoder(dict[str, Any]).decode
        number = 1
        try:
            with self._opened() as file:
                for number, text in enumerate(file, start=1):
                    if number > 1 and not text.endswith(b"\n"):
                        self.torn = True
                        return
                    yield number, decode(text)
        except OSError as error:
            raise JournalError(
                f"{self.path} cannot be read: {error.strerror}; name a file that taps.journal has"
                " made"
            ) from error
        except VaultError as error:
            raise JournalError(f"{self.path} cannot be read as a journal: {error}") from error
        except msgspec.MsgspecError as error:
            raise JournalError(
                f"{self.path}, line {number}: no line of a journal, which is JSON: {error}; name a"
                " file that taps.journal has made"
            ) from error

    def _opened(self) -> IO[bytes]:
        """The journal; a locked one is unlocked in memory."""
        if self.path.name.endswith(LOCKED):
            return BytesIO(read(self.path, self.keys))
        return self.path.open("rb")

    def _build(self, kind: type[T], values: dict[str, Any], number: int) -> T:
        try:
            return cast(T, _rebuilt(values, kind, self._encoding))
        except (TypeError, KeyError, ValueError) as error:
            raise JournalError(
                f"{self.path}, line {number}: no {kind.__name__}: {error}"
            ) from error


def _rebuilt(value: Any, kind: Any, encoding: Encoding) -> Any:
    """What was written, by its type: dataclasses, tuples of them, audio from its length."""
    if kind is bytes:
        return _silence(int(value), encoding)
    if is_dataclass(kind):
        assert isinstance(kind, type)
        hints = _hints(kind)
        return kind(**{key: _rebuilt(one, hints[key], encoding) for key, one in value.items()})
    if get_origin(kind) is tuple:
        return tuple(_rebuilt(one, get_args(kind)[0], encoding) for one in value)
    return value


@lru_cache(maxsize=64)
def _silence(samples: int, encoding: Encoding) -> bytes:
    return SILENCE[encoding] * samples


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _short(line: dict[str, Any]) -> str:
    rest = ", ".join(f"{k}={v!r}" for k, v in line.items() if k not in ("t", "effect"))
    return f"{line.get('effect', '?')}({rest}) at {line.get('t', 0) / 1000:.0f} ms"
