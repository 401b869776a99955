"""Token policy: what tokens must say, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """What tokens must say, and how it is read."""

    secret: str = ""  # empty: none of ours
    issuer: str = ""
    audience: str = ""
    tenant_claim: str = "tenant"
    tenant: str = "default"  # of a token that names none
    scopes: frozenset[str] = frozenset({"calls:place"})  # the same
    leeway: int = 30  # seconds that clocks may differ
