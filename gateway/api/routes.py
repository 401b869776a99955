"""The routes of the API: its endpoints, and the document that describes them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute

from gateway.admission.access import Access
from gateway.admission.stopping import Board, open_stopper
from gateway.api import budgets, callers, calls, documents, orders, people
from gateway.api.endpoint import DOCUMENT, Ask, Endpoint, Office, problem
from gateway.api.openapi import document
from gateway.doors.desk import Desk
from gateway.running.standing import Standing
from gateway.settings import Settings
from gateway.sharing.common import Common
from gateway.switchboard import Switchboard

if TYPE_CHECKING:
    from gateway.budgets.budgets import Budgets
    from gateway.privacy.custodian import Custodian
    from gateway.store.store import Store

ENDPOINTS = (
    *(*calls.ENDPOINTS, *callers.ENDPOINTS, *documents.ENDPOINTS, *orders.ENDPOINTS),
    *(*people.ENDPOINTS, *budgets.ENDPOINTS),
)


async def describe(ask: Ask) -> Response:
    """The description, made anew each time: it is asked for seldom."""
    return JSONResponse(document(ENDPOINTS))


DESCRIPTION = Endpoint("GET", DOCUMENT, "", "This description.", describe, "application/json")


async def strayed(request: Request, error: Exception) -> Response:
    """Where there is no such address, or it knows no such method: in the API's words under /api."""
    assert isinstance(error, HTTPException)
    if not request.url.path.startswith("/api/"):
        return PlainTextResponse(error.detail, error.status_code, error.headers)
    if error.status_code == 405:
        code, said = "method_not_allowed", f"This address does not know {request.method}"
    else:
        code, said = "not_found", "There is nothing at this address"
    answer = problem(error.status_code, code, f"{said}; {DOCUMENT} lists what there is.")
    answer.headers.update(error.headers or {})
    return answer


class House(Protocol):
    """The gateway, as its API sees it."""

    @property
    def settings(self) -> Settings: ...
    @property
    def access(self) -> Access: ...
    @property
    def switchboard(self) -> Switchboard: ...
    @property
    def store(self) -> Store | None: ...
    @property
    def custodian(self) -> Custodian | None: ...
    @property
    def budgets(self) -> Budgets | None: ...
    @property
    def standing(self) -> Standing: ...


@asynccontextmanager
async def open_api(house: House, desk: Desk, common: Common) -> AsyncIterator[list[BaseRoute]]:
    """Every address of the API, and its ear for what other gateways are ordered."""
    access, board, store = house.access, house.switchboard, house.store
    books = store.stops if store is not None else None
    boards: list[Board] = [one for one in (books, common.stops) if one is not None]
    async with open_stopper(board, access, boards) as stopper:
        office = Office(
            *(house.settings, access, board, stopper, desk, store, house.custodian, common.calls),
            budgets=house.budgets,
            finder=house.standing.finder,
        )
        yield [one.route(office) for one in (*ENDPOINTS, DESCRIPTION)]
