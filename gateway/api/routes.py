"""The routes of the API: its endpoints, and the document that describes them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from gateway.access import Access
from gateway.api import budgets, callers, calls, documents, orders, people
from gateway.api.endpoint import Ask, Endpoint, Office
from gateway.api.openapi import document
from gateway.common import Common
from gateway.desk import Desk
from gateway.settings import Settings
from gateway.standing import Standing
from gateway.stopping import Board, open_stopper
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


DESCRIPTION = Endpoint(
    "GET", "/api/openapi.json", "", "This description.", describe, "application/json"
)


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
