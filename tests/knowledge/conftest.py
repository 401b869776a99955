"""Each database that documents may lie in."""

from __future__ import annotations

from tests.store.conftest import postgres, url

__all__ = ["postgres", "url"]
