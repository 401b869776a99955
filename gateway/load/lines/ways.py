"""Ways: which protocol a target speaks, and the way to it."""

from __future__ import annotations

from typing import Literal, get_args
from urllib.parse import urlsplit

import msgspec

from gateway.errors import TrunklineError
from gateway.load.lines.line import Way

Protocol = Literal["twilio", "audiosocket", "realtime", "webrtc"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
SCHEMES = {
    "twilio": ("http", "https", "ws", "wss"),
    "audiosocket": ("audiosocket", "tcp"),
    "realtime": ("ws", "wss"),
    "webrtc": ("http", "https"),
}
REALTIME, CALLS = "/realtime", "/realtime/calls"


class Target(msgspec.Struct, frozen=True):
    """A gateway to be called. `token`: Twilio's auth token, or a key."""

    protocol: Protocol
    url: str
    token: str = ""


class TargetError(TrunklineError):
    """What was named is no address of a gateway."""


def target_of(url: str, protocol: Protocol | None = None, token: str = "") -> Target:
    """What an address means, where nobody says which protocol. Raises TargetError."""
    parts = urlsplit(url)
    if protocol is None:
        protocol = _guess(parts.scheme, parts.path)
    try:
        known = parts.scheme in SCHEMES[protocol] and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a port that is none
        known = False
    if not known:
        schemes = " or ".join(f"{one}://" for one in SCHEMES[protocol])
        raise TargetError(
            f"expected the address of a gateway, for {protocol} {schemes} and a host, such as "
            f"http://127.0.0.1:8080/twilio/voice, and {url[:80]!r} came"
        )
    return Target(protocol, url, token)


def _guess(scheme: str, path: str) -> Protocol:
    path = path.rstrip("/")
    if scheme in SCHEMES["audiosocket"]:
        return "audiosocket"
    if path.endswith(CALLS):
        return "webrtc"
    return "realtime" if path.endswith(REALTIME) else "twilio"


def way_to(target: Target) -> Way:
    """The way that the target's protocol needs."""
    match target.protocol:
        case "twilio":
            from gateway.load.lines.twilio import Twilio

            return Twilio(target.url, target.token)
        case "audiosocket":
            from gateway.load.lines.audiosocket import AudioSocket

            return AudioSocket(target.url)
        case "realtime":
            from gateway.load.lines.realtime import Realtime

            return Realtime(target.url, target.token)
        case "webrtc":
            from gateway.load.lines.webrtc import WebRtc

            return WebRtc(target.url, target.token)


def own_variables(protocol: Protocol) -> dict[str, str]:
    """What turns the protocol on in a gateway of our own, beside what is on anyway."""
    if protocol != "audiosocket":
        return {}
    named = {"ENABLED": "true", "HOST": "127.0.0.1", "PORT": "0", "TICKETS": "false"}
    return {f"TRUNKLINE_BRIDGES__AUDIOSOCKET__{key}": value for key, value in named.items()}


def own_target(protocol: Protocol, address: str, token: str, audiosocket: str) -> Target:
    """Where a gateway of our own takes such calls."""
    match protocol:
        case "twilio":
            return Target("twilio", f"{address}/twilio/voice", token)
        case "audiosocket":
            return Target("audiosocket", f"audiosocket://{audiosocket}")
        case "realtime":
            return Target("realtime", f"ws{address.removeprefix('http')}/v1/realtime")
        case "webrtc":
            return Target("webrtc", f"{address}/v1/realtime/calls")
