"""ICE servers: the ways around firewalls, and the short-lived names and passwords for TURN.

A TURN server that shares a secret with us takes `expiry:user` as the name and the HMAC-SHA1 of it
as the password (the scheme that coturn calls `use-auth-secret`), so that no lasting password ever
stands in a page.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gateway.private import Private


@dataclass(frozen=True, slots=True)
class IceSettings:
    """How a caller's packets find us, and how we find the way to them."""

    servers: tuple[str, ...] = ()  # stun: and turn: addresses
    turn_user: str = ""  # lasting name, where there is no shared secret
    turn_password: Private[str] = field(default_factory=partial(Private, ""))
    turn_secret: Private[str] = field(
        default_factory=partial(Private, "")
    )  # shared with the TURN server
    turn_seconds: int = 3_600  # that a name made from it is good for
    ports: tuple[int, int] | None = None  # UDP ports that may be used, first and last
    public_address: str = ""  # of this machine, where a router in front of it hides it
    loopback: bool = False  # whether callers on this machine come by 127.0.0.1
    relay_only: bool = False  # use nothing but TURN, so that no address of ours is shown

    @property
    def stun(self) -> list[str]:
        """Servers that tell an address."""
        return [url for url in self.servers if url.startswith("stun")]

    @property
    def turn(self) -> list[str]:
        """Servers that relay."""
        return [url for url in self.servers if url.startswith("turn")]


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and a password for TURN."""

    username: str
    password: str


def credentials(settings: IceSettings, user: str, now: float) -> Credentials:
    """For this user, from this time of day on."""
    secret = settings.turn_secret.reveal()
    if not secret:
        return Credentials(settings.turn_user, settings.turn_password.reveal())
    username = f"{int(now) + settings.turn_seconds}:{user}"
    digest = hmac.digest(secret.encode(), username.encode(), hashlib.sha1)
    return Credentials(username, base64.b64encode(digest).decode())


def for_page(settings: IceSettings, user: str, now: float) -> dict[str, Any]:
    """What a browser's RTCPeerConnection is to be given, and for how many seconds it is good."""
    servers: list[dict[str, Any]] = []
    if settings.stun:
        servers.append({"urls": settings.stun})
    if settings.turn:
        made = credentials(settings, user, now)
        servers.append(
            {"urls": settings.turn, "username": made.username, "credential": made.password}
        )
    policy = "relay" if settings.relay_only else "all"
    return {"iceServers": servers, "iceTransportPolicy": policy, "ttl": settings.turn_seconds}
