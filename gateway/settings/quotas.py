"""The settings of quotas: calls at once, calls in a minute, the length of a call."""

from __future__ import annotations

from pydantic import Field

from gateway.section import Section


class Quotas(Section):
    """How much may be called, 0: without limit; gateways that share store.redis count together."""

    caller_calls: int = Field(default=0, ge=0, description="Calls of one caller at once.")
    caller_per_minute: int = Field(
        default=0, ge=0, description="Calls that one caller may begin in a minute."
    )
    address_calls: int = Field(
        default=0,
        ge=0,
        description="Calls at once from one address (of IPv6, one /64 network), over HTTP; behind"
        " a proxy see server.trusted_proxies.",
    )
    address_per_minute: int = Field(
        default=0, ge=0, description="Calls that may begin in a minute from one address."
    )
    tenant_calls: int = Field(default=0, ge=0, description="Calls of one tenant at once.")
    tenant_per_minute: int = Field(
        default=0, ge=0, description="Calls that one tenant may begin in a minute."
    )
    call_minutes: float = Field(
        default=0.0,
        ge=0,
        le=1440,
        description="Length of a call; after it the call ends when the assistant has spoken.",
    )
