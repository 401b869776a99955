"""Log lines, as text or as JSON: a static message, its fields, and the id of the call on each.

Write `logger.info("tool finished", extra={"tool": name, "ms": 12})`. What callers say, and keys,
are wrapped in `Private`, which shows as nothing; uvicorn's lines lose their query strings, where
tokens may stand.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TextIO

from gateway.redaction.detect import ALL, Policy, redact

_call_id: ContextVar[str] = ContextVar("call_id", default="")
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    *("message", "asctime", "taskName", "color_message", "websocket")
}
_QUIET: Final = (
    "alembic",
    "websockets",
    "httpx",
    "httpx2",
    "httpcore",
    "aioice",
    "aiortc",
    "asyncio",
    "openai",
    "uvicorn.error",  # its name for all that it says
)

# What uvicorn says, at the level of an error, where an upgrade got another answer than 101. Whoever
# refused one has said so already, and why.
UNANSWERED: Final = "ASGI callable returned without completing handshake."


@contextmanager
def calling(call_id: str) -> Iterator[None]:
    """Within this, and in the tasks begun within it, each line carries the call's id."""
    token = _call_id.set(call_id)
    try:
        yield
    finally:
        _call_id.reset(token)


def name_of(part: object) -> str:
    """What a part of the gateway is called in a log."""
    return str(getattr(part, "name", "") or type(part).__name__)


def fault_of_ours(error: Exception) -> Exception | None:
    """What a log shows with its traceback: not what files do, as on a full disk."""
    return None if isinstance(error, OSError | ValueError) else error


def setup(
    form: str = "text",
    level: str = "info",
    stream: TextIO | None = None,
    policy: Policy = ALL,
) -> None:
    """Send every line of this process to the stream (stderr), in one format, redacted."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(policy) if form == "json" else TextLines(policy))
    handler.addFilter(_without_queries)
    handler.addFilter(_is_no_refusal)
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        # That of each request is off, and stays so where the settings are read again.
        logger.propagate = logger.propagate or name != "uvicorn.access"
        logger.setLevel(max(logging.INFO, root.level))
    for name in _QUIET:  # they write down each step, or what they carry
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


class _Lines(logging.Formatter):
    """What both formats have: no numbers or addresses of people stand in them."""

    def __init__(self, policy: Policy = ALL) -> None:
        super().__init__()
        self._policy = policy

    def safe(self, value: Any) -> Any:
        """The value; of a text what may be read."""
        return redact(value, self._policy) if isinstance(value, str) else value

    def fields(self, record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
        """The fields of a line."""
        return ((name, self.safe(value)) for name, value in _fields(record))


class TextLines(_Lines):
    """For a person: time, level, logger, call, message, fields."""

    def format(self, record: logging.LogRecord) -> str:
        call = f" [{_escape(_call_of(record))}]" if _call_of(record) else ""
        fields = "".join(f" {name}={_as_text(value)}" for name, value in self.fields(record))
        head = f"{_clock(record, local=True)} {record.levelname:<7} {record.name}{call}"
        line = f"{head} {_escape(self.safe(record.getMessage()))}{fields}"
        return line + (
            f"\n{self.safe(self.formatException(record.exc_info))}" if record.exc_info else ""
        )


class JsonLines(_Lines):
    """For a machine: one object per line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _clock(record, local=False),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.safe(record.getMessage()),
        }
        if call := _call_of(record):
            line["call"] = call
        line.update((name, value) for name, value in self.fields(record) if name not in line)
        if record.exc_info:
            line["exception"] = self.safe(self.formatException(record.exc_info))
        return json.dumps(line, default=str, ensure_ascii=False)


def _call_of(record: logging.LogRecord) -> str:
    return str(record.__dict__.get("call") or _call_id.get())


def _fields(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    for name, value in vars(record).items():
        if name not in _OWN and name != "call":
            yield name, value


def _clock(record: logging.LogRecord, *, local: bool) -> str:
    moment = time.localtime(record.created) if local else time.gmtime(record.created)
    text = time.strftime("%Y-%m-%d %H:%M:%S" if local else "%Y-%m-%dT%H:%M:%S", moment)
    return f"{text}.{int(record.msecs):03d}" + ("" if local else "Z")


def _as_text(value: Any) -> str:
    text = str(value)
    return (
        text
        if text and not set(text) & set(' "=') and text.isprintable()
        else json.dumps(text, ensure_ascii=False)
    )


def _escape(message: str) -> str:
    """One line stays one line, whatever a peer has put into it."""
    return message if message.isprintable() else json.dumps(message, ensure_ascii=False)[1:-1]


def _without_queries(record: logging.LogRecord) -> bool:
    """Cut the query off the paths in uvicorn's lines: callers may pass a token there."""
    if record.name.startswith("uvicorn") and isinstance(record.args, tuple):
        record.args = tuple(
            arg.partition("?")[0] if isinstance(arg, str) and arg.startswith("/") else arg
            for arg in record.args
        )
    return True


def _is_no_refusal(record: logging.LogRecord) -> bool:
    """Leave out uvicorn's error on each upgrade that was rightly answered with a status."""
    return not (record.name == "uvicorn.error" and record.msg == UNANSWERED)
