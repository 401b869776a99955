"""Revoked: tokens that are good no more though they have not expired, by the ids they bear."""

from __future__ import annotations

from hashlib import sha256

from gateway.identity.who import EVERY, Identity

MARK = "jwt_"  # before the id of a token, where credentials are named
LONGEST = 96  # characters of an id; a longer one is named by its hash, so that it is no other's


def credential(token_id: str) -> str:
    """How the books know a token, by its claim `jti`."""
    if len(token_id) > LONGEST:
        token_id = sha256(token_id.encode("utf-8", "surrogatepass")).hexdigest()
    return MARK + token_id


def credentials(named: str) -> list[str]:
    """How the books may know a token that somebody names: by its claim `jti`, or as they do."""
    return [credential(named), *([named] if named.startswith(MARK) else [])]


class Revoked:
    """What one gateway knows of. Asked at each door, so it is kept in memory."""

    def __init__(self) -> None:
        self._tokens: dict[str, set[str]] = {}  # tenants for which each is revoked

    def add(self, name: str, tenant: str) -> None:
        """A token is good no more, where it is of that tenant (* is any)."""
        self._tokens.setdefault(name, set()).add(tenant)

    def holds(self, who: Identity) -> bool:
        """Whether that is who was let in by such a token."""
        return who.kind == "token" and self.names(who.credential, who.tenant)

    def names(self, credential: str, tenant: str) -> bool:
        """Whether it is such a token that a call of the tenant was let in by."""
        tenants = self._tokens.get(credential, ())
        return EVERY in tenants or tenant in tenants

    def __len__(self) -> int:
        return len(self._tokens)
