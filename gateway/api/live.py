"""Live calls over the API: of this gateway, and where a Redis is shared of all."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.api import shapes
from gateway.api.endpoint import Ask
from gateway.sharing.calls import LiveCall, live_call


async def elsewhere(ask: Ask, tenant: str | None) -> list[shapes.Call]:
    """Those of other gateways that are asked for, and that do not stand in our own books."""
    query: shapes.CallsQuery = ask.query
    if ask.office.elsewhere is None or query.status == "ended" or query.cursor:
        return []
    found = await ask.office.elsewhere.others()
    if found and ask.office.store is not None:
        ours = await ask.office.store.reading.gateways()
        found = [one for one in found if one.gateway not in ours]
    return [of(one) for one in found if _fits(one, query, tenant)]


def here(ask: Ask, tenant: str | None) -> list[shapes.Call]:
    """Those of this gateway, the newest first, as far as is known of them without books."""
    query: shapes.CallsQuery = ask.query
    if query.status == "ended" or query.cursor:
        return []
    plans = [session.plan for session in reversed(ask.office.switchboard.sessions)]
    calls = (live_call(plan, "", 0) for plan in plans)
    return [of(one) for one in calls if _fits(one, query, tenant)]


async def find(ask: Ask, call_id: str) -> shapes.Call | None:
    """A live call of any gateway."""
    session = ask.office.switchboard.find(call_id)
    if session is not None:
        return of(live_call(session.plan, "", 0))
    if ask.office.elsewhere is None:
        return None
    others = await ask.office.elsewhere.others()
    return next((of(one) for one in others if one.id == call_id), None)


def of(call: LiveCall) -> shapes.Call:
    """As the API tells of it."""
    return shapes.Call(
        call.id,
        call.tenant,
        call.caller,
        live=True,
        began=datetime.fromtimestamp(call.began_ms / 1000, UTC) if call.began_ms else None,
        via=call.via,
        address=call.address,
        called=call.called,
        model=call.model,
        gateway=call.gateway,
        credential=call.credential,
    )


def _fits(call: LiveCall, query: shapes.CallsQuery, tenant: str | None) -> bool:
    began = datetime.fromtimestamp(call.began_ms / 1000, UTC) if call.began_ms else None
    return (
        tenant in (None, call.tenant)
        and query.caller in (None, call.caller)
        and query.via in (None, call.via)
        and (query.since is None or began is None or began >= query.since)
        and (query.until is None or began is None or began < query.until)
    )
