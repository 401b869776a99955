"""Callers over the API: all that is held on one, given out or erased."""

from __future__ import annotations

import io

from starlette.responses import Response

from gateway.api import shapes
from gateway.api.endpoint import NO_BOOKS, Ask, Endpoint, ProblemError
from gateway.identity.who import EVERY
from gateway.privacy.archive import archive
from gateway.privacy.custodian import Custodian, NothingHeldError


async def forget_caller(ask: Ask) -> shapes.Forgotten:
    """Erase all that is held on a caller."""
    custodian, tenant = _custodian(ask), _tenant(ask)
    by = ask.office.access.actor(ask.who)
    try:
        done = await custodian.forget(tenant, ask.path["caller_id"], by)
    except NothingHeldError:
        raise ProblemError(404, "not_found", "Nothing is held on such a caller.") from None
    return shapes.Forgotten(done.calls, done.things, done.live)


async def export_caller(ask: Ask) -> Response:
    """All that is held on a caller, as a zip."""
    custodian, tenant = _custodian(ask), _tenant(ask)
    caller = ask.path["caller_id"]
    with io.BytesIO() as out:
        if not await archive(custodian.export(tenant, caller), out):
            raise ProblemError(404, "not_found", "Nothing is held on such a caller.")
        body = out.getvalue()
    ask.office.access.note("exported", ask.who, caller=ask.office.access.alias(caller))
    headers = {
        "cache-control": "no-store",
        "content-disposition": 'attachment; filename="caller.zip"',
    }
    return Response(body, media_type="application/zip", headers=headers)


def _custodian(ask: Ask) -> Custodian:
    if ask.office.custodian is None:
        raise ProblemError(409, "no_books", NO_BOOKS)
    return ask.office.custodian


def _tenant(ask: Ask) -> str:
    """Whose caller it is: of everybody's only where that is said."""
    named: str | None = ask.query.tenant
    if named is not None and not ask.who.sees(named):
        raise ProblemError(404, "not_found", "Nothing is held on such a caller.")
    if named is not None or ask.who.tenant != EVERY:
        return named if named is not None else ask.who.tenant
    return ask.office.access.place(ask.who).tenant


ENDPOINTS = (
    Endpoint(
        "DELETE",
        "/api/callers/{caller_id}",
        "callers:erase",
        "Erase all that is held on a caller; a call that is live, soon after its end.",
        forget_caller,
        shapes.Forgotten,
        query=shapes.CallerQuery,
        problems=(404, 409),
    ),
    Endpoint(
        "GET",
        "/api/callers/{caller_id}/export",
        "callers:export",
        "All that is held on a caller, as a zip.",
        export_caller,
        "application/zip",
        query=shapes.CallerQuery,
        problems=(404, 409),
    ),
)
