"""Who may come in: the credentials of a request, and the short-lived secrets of a server."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers

from gateway.protocol.schema import Fields, integer, mapping, nullable, one_of
from gateway.protocol.wire import Json, Refused

KEY_ENTRY = "openai-insecure-api-key."  # of the subprotocols, where a browser puts its key
MOST_SECRETS = 10_000

_EXPIRY = Fields(
    {"anchor": one_of("created_at"), "seconds": integer(10, 7200)},
    defaults={"anchor": "created_at", "seconds": 600},
)
SECRET_REQUEST = Fields({"expires_after": nullable(_EXPIRY), "session": nullable(mapping)})


@dataclass(frozen=True, slots=True)
class Secret:
    """A short-lived key, and the session that it stands for."""

    value: str
    expires_at: int  # unix seconds
    session: Json


class Secrets:
    """The short-lived keys of one server; `wall` tells the unix time."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._live: dict[str, Secret] = {}

    def mint(self, seconds: int, session: Json) -> Secret:
        now = self._wall()
        self._live = {k: s for k, s in self._live.items() if s.expires_at > now}
        if len(self._live) >= MOST_SECRETS:
            raise Refused("rate_limit_exceeded", f"{MOST_SECRETS} secrets are alive: wait for some")
        secret = Secret(f"ek_{secrets.token_hex(16)}", int(now) + seconds, session)
        self._live[secret.value] = secret
        return secret

    def find(self, value: str) -> Secret | None:
        """The secret with this value, if it has not expired."""
        secret = self._live.get(value)
        return secret if secret is not None and secret.expires_at > self._wall() else None


def credential(headers: Headers, subprotocols: Iterable[str] = ()) -> str:
    """The key that a request brings: in a header, or where browsers put it; empty where none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    if "api-key" in headers:
        return headers["api-key"]
    entries = (entry for entry in subprotocols if entry.startswith(KEY_ENTRY))
    return next(entries, "").removeprefix(KEY_ENTRY)


def allowed(key: str, keys: frozenset[str]) -> bool:
    """Whether a key is one of those that are taken; with none set, every one is."""
    given = key.encode()
    matches = [secrets.compare_digest(given, known.encode()) for known in keys]
    return not keys or any(matches)


def invalid_key() -> Refused:
    """The refusal of a key; says nothing of what was given."""
    message = "Incorrect API key provided. Give one of the keys that this server was started with."
    return Refused("invalid_api_key", message)
