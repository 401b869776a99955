"""The section of the settings that says how browsers reach Trunkline over WebRTC."""

from __future__ import annotations

import ipaddress
import re

from pydantic import Field, field_validator

from gateway.private import Private
from gateway.section import Secret, Section

SERVER = re.compile(r"(stuns?|turns?):[\w.\-\[\]:]+(\?transport=(udp|tcp))?")
PORTS = re.compile(r"(\d{1,5})-(\d{1,5})")


class WebRtc(Section):
    """How browsers reach Trunkline over WebRTC."""

    enabled: bool = Field(default=True, description="Whether calls are taken over WebRTC.")
    ice_servers: tuple[str, ...] = Field(
        default=(),
        description="STUN and TURN servers, for callers and for Trunkline itself.",
        examples=[["stun:stun.example.com:3478", "turn:turn.example.com:3478?transport=udp"]],
    )
    turn_secret: Secret = Field(
        default=Private(""),
        description="Shared with the TURN server, which makes short-lived passwords of it: what"
        " coturn calls static-auth-secret.",
        examples=["another long random word"],
    )
    turn_user: str = Field(default="", description="For TURN without a shared secret.")
    turn_password: Secret = Field(
        default=Private(""), description="For TURN without a shared secret."
    )
    turn_ttl_s: int = Field(
        default=3_600, ge=60, description="How long a password made from turn_secret is good."
    )
    relay_only: bool = Field(
        default=False, description="Use TURN and nothing else, so that no address is shown."
    )
    ports: str = Field(
        default="",
        description="UDP ports that calls may use, first and last; empty: any free ones.",
        examples=["40000-40999"],
    )
    public_address: str = Field(
        default="",
        description="IP address of this machine as callers see it, where a router hides it.",
        examples=["203.0.113.7"],
    )
    connect_s: float = Field(
        default=15.0, ge=1, le=120, description="Until a caller's connection must be made."
    )
    return_s: float = Field(
        default=30.0,
        ge=0,
        le=300,
        description="How long a call waits for a caller whose line broke.",
    )

    @field_validator("ice_servers")
    @classmethod
    def _servers(cls, servers: tuple[str, ...]) -> tuple[str, ...]:
        for one in servers:
            if not SERVER.fullmatch(one):
                raise ValueError("should be stun:host:port or turn:host:port?transport=udp")
        return servers

    @field_validator("ports")
    @classmethod
    def _range(cls, ports: str) -> str:
        found = PORTS.fullmatch(ports)
        if ports and not (found and 1_024 <= int(found[1]) <= int(found[2]) <= 65_535):
            raise ValueError("should be two ports from 1024 to 65535, such as 40000-40999")
        return ports

    @field_validator("public_address")
    @classmethod
    def _address(cls, address: str) -> str:
        try:
            return str(ipaddress.ip_address(address)) if address else ""
        except ValueError:
            raise ValueError("should be an IP address, such as 203.0.113.7") from None

    @property
    def port_range(self) -> tuple[int, int] | None:
        """First and last."""
        first, _, last = self.ports.partition("-")
        return (int(first), int(last)) if first else None
