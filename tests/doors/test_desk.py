"""The desk: tickets and calls that programs order, and what a bridge is told of its gateway."""

from __future__ import annotations

from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from tests.callers.peers.twilio import PEER
from tests.house import House, open_house

TOKEN = {"TRUNKLINE_SERVER__TOKEN": "sesame"}
SHOWN = {"authorization": "Bearer sesame"}


async def post(house: House, path: str, **options: Any) -> Response:
    async with AsyncClient() as http:
        return await http.post(house.address + path, **options)


async def test_a_program_gets_a_ticket() -> None:
    async with open_house(variables=TOKEN) as house:
        order = {"from": "+1", "to": "+2", "metadata": {"customer": "4711"}, "seconds": 5}
        answer = await post(house, "/api/tickets", json=order, headers=SHOWN)
        bare = await post(house, "/api/tickets", headers=SHOWN)
    assert answer.status_code == 201
    assert len(answer.json()["ticket"]) == 36
    assert answer.json()["seconds"] == 5
    assert bare.json()["seconds"] == 60


@pytest.mark.parametrize("path", ["/api/tickets", "/api/calls"])
async def test_only_who_shows_the_token_gives_orders(path: str) -> None:
    async with open_house(variables=TOKEN) as house:
        without = await post(house, path, json={})
        wrong = await post(house, path, json={}, headers={"authorization": "Bearer guess"})
        page = {**SHOWN, "origin": "https://elsewhere.test"}
        elsewhere = await post(house, path, json={}, headers=page)
    assert (without.status_code, wrong.status_code, elsewhere.status_code) == (401, 401, 403)
    assert "sesame" not in without.text + wrong.text + elsewhere.text


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/tickets", b"[]", 400),
        ("/api/tickets", b'{"metadata":{"a":1}}', 400),
        ("/api/tickets", b"nonsense", 400),
        ("/api/tickets", b'{"a":"' + b"x" * 70_000 + b'"}', 413),
        ("/api/calls", b"{}", 400),
        ("/api/calls", b'{"via":"twilio","to":"+1","answering":"perhaps"}', 400),
        ("/api/calls", b'{"via":"nobody","to":"+1"}', 400),
        ("/api/calls", b'{"via":"twilio","to":"+1"}', 400),  # it has no credentials
    ],
)
async def test_an_order_that_makes_no_sense_is_explained(
    path: str, body: bytes, status: int
) -> None:
    async with open_house(variables={**TOKEN, **PEER.settings}) as house:
        answer = await post(house, path, content=body, headers=SHOWN)
    assert answer.status_code == status
    assert "xpected" in answer.json()["error"]["message"]


async def test_a_bridge_that_is_not_enabled_has_no_doors() -> None:
    async with open_house() as house:
        assert (await post(house, "/twilio/voice")).status_code == 404
