"""Noting: what goes into the audit, as rows that the writer takes."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

import msgspec

from gateway.store.writes import Write, append, cleaned


class Audit:
    """What a gateway puts down. `write` takes rows and never waits."""

    def __init__(self, write: Callable[[Write], None]) -> None:
        self._write = write

    def note(self, kind: str, actor: str, tenant: str, **detail: Any) -> None:
        """Somebody did something; neither words of callers nor secrets belong in it."""
        line = msgspec.json.encode(cleaned(detail), order="sorted").decode()
        row = {"id": secrets.token_hex(12), "at_ms": time.time_ns() // 1_000_000, "kind": kind}
        self._write(append(row | {"actor": actor, "tenant": tenant, "detail": line}))
