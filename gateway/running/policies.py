"""Policies: what of the settings decides over callers, as it may be shown, and what has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from gateway.section import Section
from gateway.settings import Settings
from gateway.settings.guard import Guard

# By section; of some only what is no secret, no address and no path of this machine.
SHOWN: dict[str, tuple[str, ...]] = {
    "quotas": (),
    "limits": (),
    "idle": (),
    "budget": (
        *("call_usd", "caller_day_usd", "caller_month_usd", "tenant_day_usd", "tenant_month_usd"),
        *("time_zone", "warn_percent", "at_warning", "tenant_at_warning", "away_usd"),
    ),
    "routing": (),
    "routes": (),
    "recovery": ("patience_s", "assistants"),
    "privacy": ("recording", "transcripts", "redact", "retention_days"),
    "auth": ("expired", "leeway_s", "jwt_scopes", "tenant", "keys"),
}


def shown(settings: Settings) -> dict[str, Any]:
    """The policies in force, as JSON."""
    whole = settings.model_dump(mode="json", include=set(SHOWN))
    sections = {
        name: {key: whole[name][key] for key in keys} if keys else whole[name]
        for name, keys in SHOWN.items()
    }
    return {**sections, "guard": {"rules": settings.guard.rules.label}}


def digest(settings: Settings) -> str:
    """A word that is another one whenever a policy is."""
    return hashlib.sha256(msgspec.json.encode(shown(settings), order="sorted")).hexdigest()[:16]


def changed(old: Section, new: Section, where: tuple[str, ...] = ()) -> Iterator[str]:
    """The keys whose values differ, secrets too; never the values."""
    if isinstance(old, Guard) and isinstance(new, Guard) and old.rules != new.rules:
        yield "guard.rules"
    for name in type(old).model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if isinstance(before, Section) and type(before) is type(after):
            yield from changed(before, after, (*where, name))
        elif before != after:
            yield ".".join((*where, name))
