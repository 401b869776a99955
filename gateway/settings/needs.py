"""Needs: what settings make necessary, told without loading any of it."""

from __future__ import annotations

from gateway.settings.routing import EMBEDDED
from gateway.settings.sections import Settings


def needs_embedded(settings: Settings) -> bool:
    """Whether some call may be answered by the assistant that ships with Trunkline."""
    chosen = (settings.assistant, *settings.assistants.values())
    by_kind = any(one.kind == "embedded" and not one.base_url for one in chosen)
    routes = (route.assistant for route in settings.routes)
    return by_kind or EMBEDDED in (
        *settings.recovery.assistants,
        settings.routing.cheaper,
        *routes,
    )
