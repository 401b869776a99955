"""Stop: an order to end calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

EVERY = "*"  # as a tenant
KEY_REVOKED, TOKEN_REVOKED = "the key was revoked", "the token was revoked"
Target = Literal["call", "caller", "credential", "token", "tenant", "everything"]
TARGETS: tuple[Target, ...] = get_args(Target)


@dataclass(frozen=True, slots=True)
class Stop:
    """End these calls: of that tenant (* is everybody), and with that call, caller, key or token.

    A token is good no more from then on; all else may call again.
    """

    tenant: str
    kind: Target
    target: str = ""
    reason: str = "stopped by an operator"
    until: float = 0.0  # unix seconds, after which that token is good no more anyway; 0: not known
