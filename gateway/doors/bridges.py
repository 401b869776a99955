"""The bridges that there are, and the section of the settings that each has."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any, cast

from pydantic import Field, create_model

from gateway.callers.bridge import Bridge, BridgeSection
from gateway.section import Section

NAMES: tuple[str, ...] = (
    "twilio",
    "signalwire",
    "telnyx",
    "audiosocket",
    "chan_websocket",
    "vonage",
    "genesys",
    "jambonz",
    "plivo",
)


@cache
def every() -> tuple[Bridge, ...]:
    """All of them, in the order of the list."""
    return tuple(import_module(f"gateway.callers.{name}").BRIDGE for name in NAMES)


def enabled(sections: Section) -> Iterator[tuple[Bridge, BridgeSection]]:
    """Those that the settings turn on, with their settings."""
    for bridge in every():
        section: BridgeSection = getattr(sections, bridge.name)
        if section.enabled:
            yield bridge, section


def _model() -> type[Section]:
    fields: dict[str, Any] = {
        bridge.name: (bridge.settings, Field(default=bridge.settings())) for bridge in every()
    }
    doc = "Telephony: the ways in from carriers and telephone systems."
    return cast(type[Section], create_model("Bridges", __base__=Section, __doc__=doc, **fields))


Bridges = _model()
