"""Who: an identity, what it may do, and which tenant's calls it may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from gateway.errors import TrunklineError

Kind = Literal["open", "operator", "key", "token"]

EVERY = "*"  # as a tenant: all of them

SCOPES = {
    "calls:place": "place calls: from the page, over WebRTC, as a Realtime client",
    "calls:dial": "have a bridge call somebody, and give out tickets for calls",
    "calls:read": "see calls, their words, tools and cost",
    "calls:listen": "hear recordings",
    "calls:stop": "end calls",
    "callers:export": "have all that is held on a caller",
    "callers:erase": "erase all that is held on a caller",
    "budgets:read": "see what tenants and callers may spend, and have spent",
    "budgets:write": "give callers budgets; and tenants, who sees every tenant",
    "knowledge": "see, add and remove documents",
    "keys": "make, rotate and revoke keys",
    "audit": "read the audit",
    "policies": "see the policies in force",
    "metrics": "read the metrics",
}
ALL = frozenset(SCOPES)


class NoKeyError(TrunklineError):
    """There is no such key."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who has shown a credential, or who needs none on an open gateway."""

    kind: Kind
    credential: str  # its id, fit for logs and books; never the secret
    tenant: str  # or every one
    caller: str
    scopes: frozenset[str]
    expires: float = 0.0  # unix seconds, after which what was shown is good no more; 0: never

    def may(self, scope: str) -> bool:
        """Whether it may do what that scope allows; the empty scope is everybody's."""
        return not scope or scope in self.scopes

    def sees(self, tenant: str) -> bool:
        """Whether that tenant's calls, keys and audit are its business."""
        return self.tenant in (EVERY, tenant)

    def speaks_for(self, caller: str) -> bool:
        """Whether that caller's call is theirs to go on with: a person's is nobody else's."""
        return self.kind != "token" or self.caller == caller or self.may("calls:stop")


NOBODY = Identity("open", "", "", "", frozenset())
OPEN = Identity("open", "", EVERY, "", ALL)
OPERATOR = Identity("operator", "server.token", EVERY, "", ALL)


def known(scopes: Iterable[str]) -> frozenset[str]:
    """Those of the words that are scopes. Identity providers add others of their own."""
    return ALL & frozenset(scopes)


def unknown(scopes: Iterable[str]) -> str:
    """What to say of words that are no scopes; empty where all are."""
    strange = sorted(set(scopes) - ALL)
    if not strange:
        return ""
    return f"there is no scope {strange[0][:40]!r}; there are: {', '.join(SCOPES)}"
