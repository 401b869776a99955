"""Noting: what goes into the audit, as rows that the writer takes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Any

import msgspec

from gateway.store.writes import Write, append, cleaned

_FOR_NOW = secrets.token_bytes(32)  # where no key is set: the same caller for as long as we run


class Audit:
    """What a gateway puts down. `write` takes rows and never waits.

    A row stays for ever, so that no caller is named in it: `alias` stands for one, and only who has
    the key can tell whether it is that of a number which they know.
    """

    def __init__(self, write: Callable[[Write], None], key: bytes = b"") -> None:
        self._write = write
        self._key = key or _FOR_NOW

    def alias(self, caller: str) -> str:
        """What stands for a caller: always the same, by that key."""
        if not caller:
            return ""
        return "caller:" + hmac.new(self._key, caller.encode(), hashlib.sha256).hexdigest()[:24]

    def note(self, kind: str, actor: str, tenant: str, **detail: Any) -> None:
        """Somebody did something; neither words or names of callers nor secrets belong in it."""
        line = msgspec.json.encode(cleaned(detail), order="sorted").decode()
        row = {"id": secrets.token_hex(12), "at_ms": time.time_ns() // 1_000_000, "kind": kind}
        self._write(append(row | {"actor": actor, "tenant": tenant, "detail": line}))
