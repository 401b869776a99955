"""People over the API: who asks, keys, and the audit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gateway.api import shapes
from gateway.api.calls import moment
from gateway.api.endpoint import Ask, Endpoint, ProblemError
from gateway.identity.revoked import credentials
from gateway.identity.who import EVERY, NoKeyError, unknown
from gateway.running import policies
from gateway.store.stop import KEY_REVOKED, TOKEN_REVOKED, Stop

if TYPE_CHECKING:
    from gateway.identity.keys import Key, Keyring

NO_KEYS = "This gateway takes no API keys; set store.url and auth.keys = true."
NO_KEY = "There is no such key."
LATEST = round(datetime(9999, 1, 1, tzinfo=UTC).timestamp() * 1000)  # near the last that there is


async def who_am_i(ask: Ask) -> shapes.WhoAmI:
    """Who the caller of the API is."""
    who = ask.who
    return shapes.WhoAmI(who.kind, who.tenant, who.caller, who.credential, sorted(who.scopes))


async def list_keys(ask: Ask) -> shapes.Keys:
    """Those that may be seen."""
    tenant = None if ask.who.tenant == EVERY else ask.who.tenant
    return shapes.Keys([_shown(key) for key in await _keyring(ask).list(tenant)])


async def add_key(ask: Ask) -> shapes.MadeKey:
    """A key that may do no more than its maker."""
    wanted: shapes.NewKey = ask.body
    if said := unknown(wanted.scopes):
        raise ProblemError(400, "unknown_scope", f"Expected scopes, but {said}.")
    if beyond := sorted(set(wanted.scopes) - ask.who.scopes):
        raise ProblemError(403, "scope_missing", f"The maker of a key needs {beyond[0]}, too.")
    default = ask.office.settings.auth.tenant if ask.who.tenant == EVERY else ask.who.tenant
    tenant = plain(wanted.tenant) if isinstance(wanted.tenant, str) else default
    if not tenant or (tenant != ask.who.tenant and ask.who.tenant != EVERY):
        raise ProblemError(403, "other_tenant", "That key would be another tenant's.")
    expires = None if wanted.expires is None else _to_come(wanted.expires)
    key, word = await _keyring(ask).add(tenant, plain(wanted.name), wanted.scopes, expires)
    ask.office.access.note("key_added", ask.who, key=key.id, scopes=sorted(key.scopes))
    return shapes.MadeKey(_shown(key), word)


def _to_come(expires: datetime) -> int:
    """That time in milliseconds; one that could be shown again."""
    ms = round(expires.timestamp() * 1000)
    if expires <= datetime.now(UTC) or ms > LATEST:
        said = "Expected in expires a time that is to come, before the year 9999."
        raise ProblemError(400, "invalid_request", said)
    return ms


async def rotate_key(ask: Ask) -> shapes.MadeKey:
    """A new key in place of an old one."""
    old = await _found(ask)
    try:
        key, word = await _keyring(ask).rotate(old.id, ask.body.grace_s)
    except NoKeyError as error:
        raise ProblemError(409, "key_over", str(error)) from None
    ask.office.access.note("key_rotated", ask.who, key=old.id, successor=key.id)
    return shapes.MadeKey(_shown(key), word)


async def revoke_key(ask: Ask) -> shapes.Key:
    """A key works no more; calls that it let in end within two seconds."""
    old = await _found(ask)
    await _keyring(ask).revoke(old.id)
    ask.office.access.note("key_revoked", ask.who, key=old.id)
    ask.office.stopper.here(Stop(EVERY, "credential", old.id, KEY_REVOKED))
    return _shown(await _keyring(ask).find(old.id))


async def revoke_token(ask: Ask) -> shapes.Stopped:
    """A token works no more; calls that it let in end within two seconds."""
    named = ask.body.token
    ask.office.access.note("token_revoked", ask.who, token=named)
    order = Stop(ask.who.tenant, "token", "", TOKEN_REVOKED, ask.body.exp)
    stops = [replace(order, target=one) for one in credentials(named)]
    return shapes.Stopped(sum([await ask.office.stopper.everywhere(stop) for stop in stops]))


async def _found(ask: Ask) -> Key:
    """The key of the path, if it may be seen and has no more scopes than whoever asks."""
    try:
        key = await _keyring(ask).find(ask.path["key_id"])
    except NoKeyError:
        raise ProblemError(404, "not_found", NO_KEY) from None
    if not ask.who.sees(key.tenant):
        raise ProblemError(404, "not_found", NO_KEY)
    if beyond := sorted(key.scopes - ask.who.scopes):
        raise ProblemError(403, "scope_missing", f"That key may do more: {beyond[0]}.")
    return key


def _keyring(ask: Ask) -> Keyring:
    if ask.office.access.keyring is None:
        raise ProblemError(409, "no_keys", NO_KEYS)
    return ask.office.access.keyring


def plain(text: str) -> str:
    """What of a name can be shown."""
    return "".join(one for one in text if one.isprintable())


def _shown(key: Key) -> shapes.Key:
    created = moment(key.created_ms)
    assert created is not None
    times = (created, moment(key.expires_ms), moment(key.revoked_ms))
    return shapes.Key(
        key.id, key.tenant, key.name, sorted(key.scopes), *times, successor=key.successor
    )


async def read_policies(ask: Ask) -> shapes.Policies:
    """What calls that begin now go by."""
    settings = ask.office.access.settings
    return shapes.Policies(policies.digest(settings), policies.shown(settings))


async def read_audit(ask: Ask) -> shapes.AuditEntries:
    """The part of the audit that may be seen."""
    tenant = None if ask.who.tenant == EVERY else ask.who.tenant
    rows = await ask.office.reading.audit(tenant, ask.query.after, ask.query.limit)
    entries = []
    for row in rows:
        at = moment(row["at_ms"])
        assert at is not None
        rest = (row["kind"], row["actor"], row["tenant"], row["detail"], row["hash"])
        entries.append(shapes.AuditEntry(row["seq"], at, *rest))
    return shapes.AuditEntries(entries)


ENDPOINTS = (
    Endpoint("GET", "/api/whoami", "", "Who asks.", who_am_i, shapes.WhoAmI),
    Endpoint("GET", "/api/keys", "keys", "Keys.", list_keys, shapes.Keys, problems=(409,)),
    Endpoint(
        "POST",
        "/api/keys",
        "keys",
        "A new key.",
        add_key,
        shapes.MadeKey,
        body=shapes.NewKey,
        status=201,
        problems=(409, 413),
    ),
    Endpoint(
        "POST",
        "/api/keys/{key_id}/rotate",
        "keys",
        "A new key in place of an old one, which works on for a while.",
        rotate_key,
        shapes.MadeKey,
        body=shapes.Rotation,
        status=201,
        problems=(404, 409, 413),
    ),
    Endpoint(
        "DELETE",
        "/api/keys/{key_id}",
        "keys",
        "Revoke a key, at once; calls that it let in end.",
        revoke_key,
        shapes.Key,
        problems=(404, 409),
    ),
    Endpoint(
        "POST",
        "/api/revocations",
        "keys",
        "Revoke a token, at once; calls that it let in end.",
        revoke_token,
        shapes.Stopped,
        body=shapes.Revocation,
        problems=(413,),
    ),
    Endpoint(
        "GET",
        "/api/policies",
        "policies",
        "The policies in force: quotas, budgets, routes, what is kept.",
        read_policies,
        shapes.Policies,
    ),
    Endpoint(
        "GET",
        "/api/audit",
        "audit",
        "Who did what, the oldest first.",
        read_audit,
        shapes.AuditEntries,
        query=shapes.AuditQuery,
        problems=(409,),
    ),
)
