"""Genesys Cloud: calls over the Audio Connector, and calls overheard by an AudioHook monitor.

Both open a socket here and sign its upgrade by HTTP Message Signatures, with HMAC-SHA256 and the
client secret of the integration, as "AudioHook session walkthrough" of Genesys' documentation says.
A monitor's caller is written down and never answered.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from time import time as wall_clock
from urllib.parse import urlsplit

from pydantic import Field
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from gateway.callers.bridge import (
    Bridge,
    BridgeSection,
    Desk,
    Doors,
    need,
    take_socket,
    turn_away,
)
from gateway.callers.genesys_audiohook import PACKET_US, AudioHookDialect
from gateway.callers.parting import Limits
from gateway.errors import SettingsError
from gateway.private import Private
from gateway.section import Secret

log = logging.getLogger(__name__)

NAME = "genesys"
COVERED = (
    *("@request-target", "@authority", "audiohook-organization-id", "audiohook-session-id"),
    *("audiohook-correlation-id", "x-api-key"),
)
OLDEST = 10.0  # seconds since a signature was made
AHEAD = 5.0  # seconds that the signer's clock may be fast
NONCE = 22  # characters at least
REFUSED_AFTER = 0.5  # seconds from an upgrade to its refusal, whatever the reason
ANSWERED_WITHIN = 3.0  # seconds from our disconnect to Genesys' close; a call has 5 to end
WRONG = "Expected the X-API-KEY and the signature of this integration, made within 10 s."
# Each looks for its members where a list has them: a long header costs its length, not its square.
INPUT = re.compile(
    r'(?:^|,)[ \t]*([A-Za-z*][\w*.-]*)=(\(([^()]*)\)((?:;[a-z]+=(?:"[^"]*"|-?[0-9]+))*))'
)
SIGNATURE = re.compile(r"(?:^|,)[ \t]*([A-Za-z*][\w*.-]*)=:([A-Za-z0-9+/=]*):")
PARAMETER = re.compile(r';([a-z]+)=(?:"([^"]*)"|(-?[0-9]+))')


class GenesysSection(BridgeSection):
    """Genesys Cloud's Audio Connector (an assistant) and AudioHook monitor (listens only)."""

    api_key: Secret = Field(default=Private(""), description="Of the integration's credentials.")
    client_secret: Secret = Field(
        default=Private(""),
        description="Of the same, in base64; empty: upgrades are not signed, the key is enough.",
    )
    organization_id: str = Field(
        default="", description="The only organization that may connect; empty: any with the key."
    )
    transfer_variable: str = Field(
        default="TransferTarget",
        description="Output variable in which the flow is told whom to put the caller through to.",
    )
    playback_reports: bool = Field(
        default=True,
        description="Go by Genesys' playback_started and playback_completed; false: by the clock.",
    )
    connector_path: str = Field(default="/genesys/connector", description="Of the Audio Connector.")
    monitor_path: str = Field(default="/genesys/monitor", description="Of the AudioHook monitor.")


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What of a request is signed."""

    target: str  # path and query
    authority: str
    headers: Mapping[str, str]  # names in lower case

    def component(self, name: str) -> str:
        """The value of a covered component."""
        special = {"@request-target": self.target, "@authority": self.authority}
        return special.get(name) or self.headers.get(name, "").strip()


def is_signed(upgrade: Upgrade, key: str, secret: bytes, now: float) -> bool:
    """Whether an upgrade is signed with that secret, under that key, and now."""
    signatures = dict(SIGNATURE.findall(upgrade.headers.get("signature", "")))
    fits = [
        _fits(upgrade, found, signatures.get(found[1], ""), key, secret, now)
        for found in INPUT.finditer(upgrade.headers.get("signature-input", ""))
    ]
    return any(fits)


def _fits(
    upgrade: Upgrade, found: re.Match[str], shown: str, key: str, secret: bytes, now: float
) -> bool:
    names = re.findall(r'"([^"]*)"', found[3])
    parameters = {name: text or number for name, text, number in PARAMETER.findall(found[4])}
    lines = [f'"{name}": {upgrade.component(name)}' for name in names]
    base = "\n".join([*lines, f'"@signature-params": {found[2]}'])
    made = b64encode(hmac.digest(secret, base.encode(), "sha256")).decode()
    try:
        created, expires = int(parameters["created"]), int(parameters["expires"])
    except (KeyError, ValueError):
        return False
    return all(
        (
            hmac.compare_digest(made, shown),
            hmac.compare_digest(parameters.get("keyid", "").encode(), key.encode()),
            sorted(names) == sorted(COVERED),
            parameters.get("alg") == "hmac-sha256",
            len(parameters.get("nonce", "")) >= NONCE,
            now - OLDEST <= created <= now + AHEAD,
            now <= expires,
        )
    )


@dataclass(frozen=True, slots=True)
class _Genesys:
    """The bridge of one gateway."""

    desk: Desk
    section: GenesysSection

    async def connector(self, websocket: WebSocket) -> None:
        """A call of the Audio Connector, which the assistant answers."""
        if await self._admits(websocket):
            section = self.section
            dialect = AudioHookDialect(
                _session(websocket),
                variable=section.transfer_variable,
                reports=section.playback_reports,
            )
            await self._take(websocket, dialect, frame=PACKET_US)

    async def monitor(self, websocket: WebSocket) -> None:
        """A call that is overheard."""
        if await self._admits(websocket):
            dialect = AudioHookDialect(_session(websocket), mute=True)
            await self._take(websocket, dialect, mute=True)

    async def _take(
        self, websocket: WebSocket, dialect: AudioHookDialect, frame: int = 0, mute: bool = False
    ) -> None:
        await take_socket(
            self.desk,
            websocket,
            NAME,
            dialect,
            ticketed=False,
            frame=frame,
            mute=mute,
            limits=Limits(answer=ANSWERED_WITHIN),
        )

    async def _admits(self, websocket: WebSocket) -> bool:
        """Whether the upgrade is one of ours; else it has been refused, after a fixed time."""
        loop = asyncio.get_running_loop()
        until = loop.time() + REFUSED_AFTER
        if self._is_ours(websocket):
            return True
        await asyncio.sleep(until - loop.time())
        await turn_away(websocket, NAME, WRONG)
        return False

    def _is_ours(self, websocket: WebSocket) -> bool:
        section, headers = self.section, websocket.headers
        key, secret = section.api_key.reveal(), section.client_secret.reveal()
        known = hmac.compare_digest(headers.get("x-api-key", "").encode(), key.encode())
        organization = headers.get("audiohook-organization-id", "").encode()
        wanted = section.organization_id.encode()
        known = known and (not wanted or hmac.compare_digest(organization, wanted))
        if not secret:
            return known
        path = websocket.scope.get("raw_path", b"").decode("latin-1") or websocket.url.path
        query = websocket.scope.get("query_string", b"").decode("latin-1")
        authority = urlsplit(self.desk.public(websocket, "/", "wss")).netloc.lower()
        upgrade = Upgrade(
            target=f"{path}?{query}" if query else path,
            authority=authority.removesuffix(":443"),
            headers=headers,
        )
        return known and is_signed(upgrade, key, b64decode(secret), wall_clock())


def _session(websocket: WebSocket) -> str:
    return websocket.headers.get("audiohook-session-id", "")


def _open(desk: Desk, section: GenesysSection) -> Doors:
    need(section, NAME, "api_key")
    try:
        b64decode(section.client_secret.reveal(), validate=True)
    except ValueError:
        raise SettingsError(
            "bridges.genesys.client_secret: expected base64, as Genesys takes it, such as the "
            "output of: openssl rand -base64 32"
        ) from None
    bridge = _Genesys(desk, section)
    routes = [
        WebSocketRoute(section.connector_path, bridge.connector),
        WebSocketRoute(section.monitor_path, bridge.monitor),
    ]
    return Doors(routes)


BRIDGE = Bridge(NAME, GenesysSection, _open)
