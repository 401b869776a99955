"""The API's description: true to what it answers, whatever is asked of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    response_schema_conformance,
    status_code_conformance,
)

from gateway.api.openapi import document
from gateway.api.routes import ENDPOINTS
from tests.whole import open_whole

SCHEMA = schemathesis.openapi.from_dict(document(ENDPOINTS))
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A whole gateway in a thread: its visitor asks without a loop."""
    folder: Path = tmp_path_factory.mktemp("books")
    told = {
        "TRUNKLINE_SERVER__TOKEN": "sesame",
        "TRUNKLINE_AUTH__KEYS": "true",
        "TRUNKLINE_STORE__URL": str(folder / "trunkline.db"),
        "TRUNKLINE_STORE__SPILL": str(folder / "spill"),
    }
    ready = threading.Event()
    found: list[str] = []
    over: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        async with AsyncExitStack() as parts:
            house = await parts.enter_async_context(open_whole(told))
            found.append(house.address)
            over.append((asyncio.get_running_loop(), asyncio.Event()))
            ready.set()
            await over[0][1].wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(30)
    yield found[0]
    loop, end = over[0]
    loop.call_soon_threadsafe(end.set)
    thread.join(30)


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """Closed at the end of a test: its connections would else be found open by a later one."""
    with requests.Session() as one:
        yield one


@SCHEMA.parametrize()
@settings(
    max_examples=20,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_nothing_that_is_asked_is_too_much(
    case: schemathesis.Case, address: str, session: requests.Session
) -> None:
    headers = {"authorization": "Bearer sesame"}
    case.call_and_validate(base_url=address, session=session, headers=headers, checks=CHECKS)


def test_every_endpoint_is_described_once() -> None:
    described = document(ENDPOINTS)
    operations = [
        operation["operationId"]
        for path in described["paths"].values()
        for operation in path.values()
    ]
    assert len(operations) == len(set(operations)) == len(ENDPOINTS)
    assert "secret" in described["components"]["schemas"]["MadeKey"]["required"]
