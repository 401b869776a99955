"""Orders over the API: tickets for calls that are about to come, and calls that a bridge places."""

from __future__ import annotations

from gateway.api import shapes
from gateway.api.endpoint import Ask, Endpoint, ProblemError
from gateway.call.events import CallerJoined
from gateway.callers.bridge import DialOrder
from gateway.doors.desk import UnknownBridgeError
from gateway.errors import TrunklineError


async def give_ticket(ask: Ask) -> shapes.Ticket:
    """A one-time ticket for a call of which this is known."""
    order: shapes.TicketOrder = ask.body
    tenant = ask.office.access.place(ask.who).tenant
    known = CallerJoined(order.caller, called=order.called, metadata=order.metadata, tenant=tenant)
    seconds = min(max(order.seconds, 1.0), 3600.0)
    desk = ask.office.desk
    return shapes.Ticket(await desk.known(desk.issue(known, seconds)), seconds)


async def place_call(ask: Ask) -> shapes.Dialled:
    """Have a bridge call somebody."""
    order: shapes.CallOrder = ask.body
    tenant = ask.office.access.place(ask.who).tenant
    dial = DialOrder(order.target, order.caller, order.answering, order.metadata)
    ask.office.access.note("dial", ask.who, via=order.via[:40])
    try:
        call_id = await ask.office.desk.dial(order.via, dial, tenant)
    except UnknownBridgeError as error:
        raise ProblemError(400, "unknown_bridge", str(error)) from None
    except TrunklineError as error:
        raise ProblemError(502, "provider_refused", str(error)) from None
    return shapes.Dialled(order.via, call_id)


ENDPOINTS = (
    Endpoint(
        "POST",
        "/api/tickets",
        "calls:dial",
        "A one-time ticket for a call that is about to come.",
        give_ticket,
        shapes.Ticket,
        body=shapes.TicketOrder,
        status=201,
        problems=(413,),
    ),
    Endpoint(
        "POST",
        "/api/calls",
        "calls:dial",
        "Have a bridge call somebody.",
        place_call,
        shapes.Dialled,
        body=shapes.CallOrder,
        status=201,
        problems=(413, 502),
    ),
)
