"""The routes of the API: its endpoints, and the document that describes them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from gateway.access import Access
from gateway.api import callers, calls, orders, people
from gateway.api.endpoint import Ask, Endpoint, Office
from gateway.api.openapi import document
from gateway.desk import Desk
from gateway.settings import Settings
from gateway.stopping import open_stopper
from gateway.switchboard import Switchboard

if TYPE_CHECKING:
    from gateway.privacy.custodian import Custodian
    from gateway.store.store import Store

ENDPOINTS = (*calls.ENDPOINTS, *callers.ENDPOINTS, *orders.ENDPOINTS, *people.ENDPOINTS)


async def describe(ask: Ask) -> Response:
    """The description, made anew each time: it is asked for seldom."""
    return JSONResponse(document(ENDPOINTS))


DESCRIPTION = Endpoint(
    "GET", "/api/openapi.json", "", "This description.", describe, "application/json"
)


@asynccontextmanager
async def open_api(
    settings: Settings,
    access: Access,
    board: Switchboard,
    desk: Desk,
    store: Store | None,
    custodian: Custodian | None = None,
) -> AsyncIterator[list[BaseRoute]]:
    """Every address of the API, and its ear for what other gateways are ordered."""
    async with open_stopper(board, store, access.keyring) as stopper:
        office = Office(settings, access, board, stopper, desk, store, custodian)
        yield [one.route(office) for one in (*ENDPOINTS, DESCRIPTION)]
