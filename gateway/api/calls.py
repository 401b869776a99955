"""Calls over the API: the live and the past, what was said and done in them, and their end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.responses import Response

from gateway.api import live, shapes
from gateway.api.audio import answer, recording
from gateway.api.endpoint import Ask, Endpoint, ProblemError
from gateway.call.prices import NANO
from gateway.errors import TrunklineError
from gateway.identity.who import EVERY
from gateway.privacy.aside import aside
from gateway.privacy.vault import VaultError
from gateway.store.stop import Stop


async def list_calls(ask: Ask) -> shapes.Calls:
    """Those that may be seen and are asked for."""
    query: shapes.CallsQuery = ask.query
    if query.tenant is not None and not ask.who.sees(query.tenant):
        return shapes.Calls([])
    tenant = query.tenant if ask.who.tenant == EVERY else ask.who.tenant
    if ask.office.store is None:
        calls = live.here(ask, tenant)
        calls += await live.elsewhere(ask, tenant)
        return shapes.Calls(calls[: query.limit])
    from gateway.store.reading import CallFilter

    times = (_ms(query.since), _ms(query.until))
    wanted = CallFilter(tenant, query.caller, query.via, query.status, *times)
    try:
        page = await ask.office.reading.calls(wanted, query.limit, query.cursor)
    except ValueError as error:
        raise ProblemError(400, "invalid_cursor", str(error)) from None
    calls = [call_of(row) for row in page.rows]
    more = await live.elsewhere(ask, tenant)
    return shapes.Calls([*more, *calls], page.cursor)


async def read_call(ask: Ask) -> shapes.Call:
    """One call."""
    return await _found(ask)


async def _found(ask: Ask) -> shapes.Call:
    """The call of the path, if it is there and may be seen: whoever may not is told the same."""
    call_id = ask.path["call_id"]
    found = await live.find(ask, call_id)
    if ask.office.store is not None:
        try:
            if (row := await ask.office.reading.call(call_id)) is not None:
                found = call_of(row)
        except TrunklineError:
            if found is None:
                raise
    if found is None or not ask.who.sees(found.tenant):
        raise ProblemError(404, "not_found", "There is no such call.")
    return found


async def read_turns(ask: Ask) -> shapes.Turns:
    """Who said what."""
    call = await _found(ask)
    return shapes.Turns(
        [
            shapes.Turn(
                row["item_id"],
                row["who"],
                row["said"],
                row["heard"],
                row["began_at"],
                row["ended_at"],
                row["cut"],
                row["began_at"] / 1000,
                row["ended_at"] / 1000,
            )
            for row in await ask.office.reading.turns(call.id)
        ]
    )


async def read_tools(ask: Ask) -> shapes.ToolRuns:
    """Which functions were called, with what, and what they gave."""
    call = await _found(ask)
    return shapes.ToolRuns(
        [
            shapes.ToolRun(
                row["tool_call_id"],
                row["name"],
                row["arguments"],
                row["status"],
                row["output"],
                row["began_at"],
                row["ended_at"],
            )
            for row in await ask.office.reading.tools(call.id)
        ]
    )


async def read_usage(ask: Ask) -> shapes.CallUsage:
    """The tokens so far."""
    call = await _found(ask)
    rows = await ask.office.reading.usage(call.id)
    costs = [row["cost_nano"] / NANO for row in rows]
    counted = [{name: value for name, value in row.items() if name != "cost_nano"} for row in rows]
    lines = [
        shapes.ModelUsage(**row, cost_usd=cost) for row, cost in zip(counted, costs, strict=True)
    ]
    return shapes.CallUsage(lines, sum(row["cost_nano"] for row in rows) / NANO)


async def read_audio(ask: Ask) -> Response:
    """The recording: the caller left, the assistant right."""
    call = await _found(ask)
    folder, keys = ask.office.settings.taps.recording, ask.office.settings.privacy.lock()
    if ask.office.switchboard.find(call.id) is not None:
        raise ProblemError(409, "still_live", "The call is still being recorded.")
    try:
        sound = await aside(recording, Path(folder), call.id, keys) if folder else None
    except (OSError, VaultError) as error:
        raise ProblemError(409, "locked", str(error)) from None
    if sound is None:
        raise ProblemError(404, "not_recorded", "There is no recording of this call here.")
    return await answer(sound, ask.range)


async def stop_call(ask: Ask) -> shapes.Stopped:
    """End one call, at once."""
    call = await _found(ask)
    return await stop(ask, "call", call.id, ask.body.reason)


async def stop_calls(ask: Ask) -> shapes.Stopped:
    """The stop button: one caller, one key, one tenant, everything that may be seen."""
    order: shapes.StopOrder = ask.body
    if order.kind != "everything" and not order.target:
        raise ProblemError(400, "invalid_request", f"Expected in target which {order.kind}.")
    if order.kind == "everything" and order.target:
        said = "Expected no target for everything; to end some calls only, name another kind."
        raise ProblemError(400, "invalid_request", said)
    if order.kind == "tenant" and not ask.who.sees(order.target):
        raise ProblemError(403, "other_tenant", "Those calls are another tenant's.")
    return await stop(ask, order.kind, order.target, order.reason)


async def stop(ask: Ask, kind: Any, target: str, reason: str) -> shapes.Stopped:
    """Give the order, and put it down."""
    told = ask.office.access.alias(target) if kind == "caller" else target
    ask.office.access.note("stop", ask.who, what=kind, target=told, reason=reason)
    order = Stop(ask.who.tenant, kind, target, reason)
    return shapes.Stopped(await ask.office.stopper.everywhere(order))


def call_of(row: Mapping[str, Any]) -> shapes.Call:
    """A row of the books."""
    return shapes.Call(
        id=row["id"],
        tenant=row["tenant"],
        caller=row["caller"],
        live=row["ended_ms"] is None,
        began=moment(row["began_ms"]),
        ended=moment(row["ended_ms"]),
        reason=row["reason"],
        via=row["via"],
        address=row["address"],
        called=row["called"],
        model=row["model"],
        gateway=row["gateway"],
        credential=row["credential"],
        heard_ms=row["heard_ms"],
        sent_ms=row["sent_ms"],
        recorded=bool(row["recording"]),
        metadata={name: str(value) for name, value in row["metadata"].items()},
    )


def moment(ms: int | None) -> datetime | None:
    """A time of the books."""
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)


def _ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/calls",
        "calls:read",
        "Calls, the newest first.",
        list_calls,
        shapes.Calls,
        query=shapes.CallsQuery,
    ),
    Endpoint(
        "GET",
        "/api/calls/{call_id}",
        "calls:read",
        "One call.",
        read_call,
        shapes.Call,
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/api/calls/{call_id}/turns",
        "calls:read",
        "Who said what, and what of it was heard.",
        read_turns,
        shapes.Turns,
        problems=(404, 409),
    ),
    Endpoint(
        "GET",
        "/api/calls/{call_id}/tools",
        "calls:read",
        "Which tools were called.",
        read_tools,
        shapes.ToolRuns,
        problems=(404, 409),
    ),
    Endpoint(
        "GET",
        "/api/calls/{call_id}/usage",
        "calls:read",
        "Tokens so far, by model.",
        read_usage,
        shapes.CallUsage,
        problems=(404, 409),
    ),
    Endpoint(
        "GET",
        "/api/calls/{call_id}/audio",
        "calls:listen",
        "The recording, once the call is over.",
        read_audio,
        "audio/wav",
        problems=(404, 409),
    ),
    Endpoint(
        "POST",
        "/api/calls/{call_id}/stop",
        "calls:stop",
        "End one call, at once.",
        stop_call,
        shapes.Stopped,
        body=shapes.StopCall,
        problems=(404, 413),
    ),
    Endpoint(
        "POST",
        "/api/stops",
        "calls:stop",
        "End a caller's calls, a key's, a tenant's, or all.",
        stop_calls,
        shapes.Stopped,
        body=shapes.StopOrder,
        problems=(413,),
    ),
)
