"""Ways: which protocol a target speaks, and the way to it."""

from __future__ import annotations

from typing import Literal

import msgspec

from gateway.load.lines.line import Way
from gateway.load.lines.twilio import Twilio

Protocol = Literal["twilio"]


class Target(msgspec.Struct, frozen=True):
    """A gateway to be called."""

    protocol: Protocol
    url: str
    token: str = ""


def way_to(target: Target) -> Way:
    """The way that the target's protocol needs."""
    match target.protocol:
        case "twilio":
            return Twilio(target.url, target.token)
