"""Access: who comes in over HTTP, by what they show, and what of it goes into the audit."""

from __future__ import annotations

import hmac
import logging
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection

from gateway.admission.guests import Guests
from gateway.doors.entrance import credential, other_site
from gateway.errors import TrunklineError
from gateway.identity.revoked import Revoked
from gateway.identity.who import EVERY, OPEN, OPERATOR, Identity
from gateway.recent import keep
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.identity.keys import Keyring
    from gateway.identity.tokens import Tokens
    from gateway.store.noting import Audit
    from gateway.store.store import Store

log = logging.getLogger(__name__)

PLACE = "calls:place"
PERSONAL = re.compile(r"(?<=^/api/callers)/.+?(?=/export$|$)")  # a path that names a caller
NOTHING_SHOWN = (
    "Expected the token or a key: open the page as /#token=…, or send Authorization: Bearer …"
)
NOT_GOOD = (
    "Expected the token or a key that is good here; what came is unknown, has expired, or was "
    "revoked."
)
REVOKED = "The token was revoked; get another."
LONGEST = 8 * 1024  # characters of what is shown
AGAIN = 600.0  # seconds after which a sign-in is put down again
REMEMBERED = 10_000  # sign-ins
BURST, EACH = 50.0, 1.0  # refusals that are put down at once, and then each second


class RefusedError(TrunklineError):
    """Whoever comes may not do that; `status` is that of HTTP, `code` a word for programs."""

    def __init__(self, status: int, message: str, code: str = "invalid_api_key") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(slots=True)
class _Refusals:
    """How many refusals may go into the audit: nobody fills a disk by knocking."""

    left: float = BURST
    at: float = 0.0
    silent: int = 0

    def take(self, now: float) -> bool:
        self.left = min(BURST, self.left + (now - self.at) * EACH)
        self.at = now
        if self.left < 1:
            self.silent += 1
            return False
        self.left -= 1
        return True


@dataclass(slots=True)
class Access:
    """Lets people in. Where nothing is set up to tell who they are, on loopback, all."""

    settings: Settings
    keyring: Keyring | None = None
    tokens: Tokens | None = None
    audit: Audit | None = None
    revoked: Revoked = field(default_factory=Revoked)
    guests: Guests = field(default_factory=Guests)
    _refusals: _Refusals = field(default_factory=_Refusals)
    _signed_in: dict[tuple[str, ...], float] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked who they are."""
        return not (self.settings.server.token or self.settings.auth.on)

    def take(self, other: Access) -> None:
        """Go on by what the other goes by."""
        self.settings, self.keyring, self.tokens = other.settings, other.keyring, other.tokens

    async def may(self, connection: HTTPConnection, scope: str) -> bool:
        """Whether they may do that; nothing is put down of it."""
        try:
            await self._check(connection, scope)
        except RefusedError:
            return False
        return True

    async def admit(self, connection: HTTPConnection, scope: str = "") -> Identity:
        """Who that is, if they may do what the scope says. Raises RefusedError."""
        try:
            identity = await self._check(connection, scope)
        except RefusedError as refused:
            self.note_refusal(connection, refused.status, str(refused))
            raise
        self._note_sign_in(connection, identity)
        return identity

    def place(self, identity: Identity) -> Identity:
        """The same, as one whose call it is: somebody's, not everybody's."""
        if identity.tenant != EVERY:
            return identity
        return replace(identity, tenant=self.settings.auth.tenant)

    async def _check(self, connection: HTTPConnection, scope: str) -> Identity:
        identity = await self._identify(credential(connection))
        if said := other_site(connection, self.settings.server, self.is_open):
            raise RefusedError(403, said, "origin_not_allowed")
        if not identity.may(scope):
            said = f"This needs the scope {scope}, which the key lacks."
            raise RefusedError(403, said, "scope_missing")
        return identity

    async def _identify(self, shown: str) -> Identity:
        if self.is_open:
            return OPEN
        if not shown:
            raise RefusedError(401, NOTHING_SHOWN)
        token = self.settings.server.token.reveal()
        if token and hmac.compare_digest(shown.encode("utf-8", "replace"), token.encode()):
            return OPERATOR
        if len(shown) <= LONGEST:
            if self.keyring is not None and shown.startswith("tl_"):
                return await self._by_key(self.keyring, shown)
            if self.tokens is not None and shown.count(".") == 2:
                return await self._by_token(self.tokens, shown)
        raise RefusedError(401, NOT_GOOD)

    async def _by_key(self, keyring: Keyring, shown: str) -> Identity:
        from gateway.store.database import StoreError

        try:
            key = await keyring.verify(shown)
        except StoreError as error:
            log.error("a key cannot be looked up", extra={"error": str(error)})
            said = "Keys cannot be looked up at this moment; try again."
            raise RefusedError(503, said, "unavailable") from None
        if key is None:
            raise RefusedError(401, NOT_GOOD)
        return key.identity

    async def _by_token(self, tokens: Tokens, shown: str) -> Identity:
        from gateway.identity.tokens import TokenError

        try:
            who = await tokens.verify(shown)
        except TokenError as error:
            raise RefusedError(401, str(error)) from None
        self.still_good(who)
        return who

    def still_good(self, who: Identity) -> None:
        """Raises RefusedError where it was a token that let them in, and it has been revoked."""
        if self.revoked.holds(who):
            raise RefusedError(401, REVOKED)

    def is_late(self, who: Identity) -> bool:
        """Whether what let them in has expired, and nobody goes on with what has."""
        goes_on = self.settings.auth.expired == "go_on"
        return bool(who.expires) and not goes_on and who.expires <= time.time()

    # ------------------------------------------------------------ the audit

    def note(self, kind: str, who: Identity, **detail: object) -> None:
        """Put down what somebody did."""
        if self.audit is not None:
            self.audit.note(kind, self.actor(who), who.tenant, **detail)

    def note_refusal(self, connection: HTTPConnection, status: int, why: str) -> None:
        """Put down that somebody was not let in."""
        log.info("somebody was turned away", extra={"status": status})
        path = PERSONAL.sub("/…", connection.url.path)[:200]
        where = {"path": path, "address": self.alias(address_of(connection))}
        self._put_down("", status=status, why=why[:200], **where)

    def note_busy(self, tenant: str, caller: str, why: str) -> None:
        """Put down that somebody has as many calls as they may."""
        self._put_down(tenant, status=429, why=why[:200], caller=self.alias(caller))

    def _put_down(self, tenant: str, **detail: object) -> None:
        if self.audit is None or not self._refusals.take(time.monotonic()):
            return
        unsaid, self._refusals.silent = self._refusals.silent, 0
        self.audit.note("refusal", "", tenant, **detail, unsaid_before=unsaid)

    def _note_sign_in(self, connection: HTTPConnection, who: Identity) -> None:
        if self.audit is None or who.kind == "open":
            return
        now, once = time.monotonic(), (who.kind, who.credential, who.caller, address_of(connection))
        if now - self._signed_in.get(once, float("-inf")) < AGAIN:
            return
        keep(self._signed_in, once, now, REMEMBERED)
        self.note("sign_in", who, address=self.alias(address_of(connection)))

    def actor(self, who: Identity) -> str:
        """Who that is, as the audit says it."""
        named = f":{self.alias(who.caller)}" if who.kind == "token" else ""
        return f"{who.kind}:{who.credential}{named}"

    def alias(self, caller: str) -> str:
        """What stands for a caller in the audit."""
        return self.audit.alias(caller) if self.audit is not None else ""


def address_of(connection: HTTPConnection) -> str:
    """Whence it comes, by IP; behind proxies that are trusted, whence they say."""
    return connection.client.host if connection.client else ""


@asynccontextmanager
async def open_access(settings: Settings, store: Store | None) -> AsyncIterator[Access]:
    """Access as the settings want it. Raises SettingsError for keys that cannot be read."""
    auth = settings.auth
    audit = store.audit if store is not None else None
    keyring = None
    if auth.keys and store is not None:
        from gateway.identity.keys import Keyring

        keyring = Keyring(store.database)
    if not (auth.jwt_secret or auth.jwks):
        yield Access(settings, keyring, None, audit)
        return
    from httpx2 import AsyncClient

    from gateway.identity.jwks import PublishedKeys
    from gateway.identity.tokens import Tokens

    async with AsyncClient(follow_redirects=False) as http:
        published = PublishedKeys(auth.jwks, http) if auth.jwks else None
        yield Access(settings, keyring, Tokens(auth.token_policy(), published), audit)
