"""The HTTP side under strange requests: methods, paths, headers, and pages of other sites."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import connect

from tests.bad.street import START, Parrot, Stranger, beside
from tests.house import House, open_house

pytestmark = pytest.mark.virtual_clock


async def ask(house: House, request: str, *headers: str) -> tuple[int, str]:
    """Send a request line and headers as they are; the status and all that came."""
    host, port = house.address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    named = [] if any(one.lower().startswith("host:") for one in headers) else [f"Host: {host}"]
    lines = [f"{request} HTTP/1.1", *named, *headers, "Connection: close", "", ""]
    writer.write("\r\n".join(lines).encode("latin-1"))
    try:
        said = (await reader.read()).decode("latin-1")
    except ConnectionResetError:
        said = ""
    writer.close()
    return int(said.split(" ", 2)[1]) if said.startswith("HTTP/") else 0, said


@pytest.mark.parametrize(
    "path",
    [
        "/client/../pyproject.toml",
        "/client/..%2fpyproject.toml",
        "/client/%2e%2e/pyproject.toml",
        "/client/..%5cpyproject.toml",
        "/client//etc/passwd",
        "/client/%2fetc%2fpasswd",
        "/client/app.js%00.css",
        "/client/",
        "/client/" + "a/" * 2000,
        "/" + "%00" * 100,
        "/browser",
        "//",
        "/%ff%fe",
    ],
)
async def test_a_path_that_is_none_finds_nothing(path: str) -> None:
    async with open_house(Parrot()) as house:
        status, said = await ask(house, f"GET {path}")
    assert status == 404
    assert "hatchling" not in said
    assert "root:" not in said


@pytest.mark.parametrize("path", ["/", "/client/app.js", "/metrics", "/readyz", "/healthz"])
async def test_pages_can_be_read_and_nothing_else(path: str) -> None:
    async with open_house(Parrot()) as house:
        assert (await ask(house, f"GET {path}"))[0] == 200
        status, said = await ask(house, f"HEAD {path}")
        assert status == 200
        assert said.partition("\r\n\r\n")[2] == ""
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert (await ask(house, f"{method} {path}", "Content-Length: 0"))[0] == 405
        assert (await ask(house, f"BREW {path}"))[0] in (400, 405)


async def test_requests_that_are_none_are_refused_and_a_call_beside_does_not_notice() -> None:
    async with open_house(Parrot()) as house, beside(house):
        assert (await ask(house, "\x00\x01\x02"))[0] in (0, 400)
        assert (await ask(house, "GET /", *[f"X-{n}: {'x' * 1000}" for n in range(1000)]))[0] in (
            *(0, 400, 413, 431),
        )
        assert (await ask(house, "GET /", "X: " + "x" * 1_000_000))[0] in (0, 400, 413, 431)
        assert (await ask(house, "GET /browser", "Upgrade: websocket", "Connection: upgrade"))[
            0
        ] in (400, 404, 426)


# ---------------------------------------------------------------- whose page it is


async def call(house: House, name: str = "127.0.0.1", **options: Any) -> Stranger:
    """Try to begin a call at an address of that name; keeps what was said to it."""
    port = house.address.rpartition(":")[2]
    way = {"host": "127.0.0.1", "port": int(port), "proxy": None}
    async with connect(f"ws://{name}:{port}/browser", **way, **options) as socket:
        caller = Stranger(socket)
        await caller.send(START)
        try:
            await caller.until("started")
        except websockets.ConnectionClosed:
            assert caller.code == 1008
        return caller


async def test_the_own_page_may_call_and_that_of_another_site_may_not() -> None:
    async with open_house(Parrot()) as house:
        assert (await call(house)).all("started")
        assert (await call(house, origin=house.address)).all("started")
        for other in ("https://evil.example", "null", "http://127.0.0.1:1", "file://", "http://"):
            refused = await call(house, origin=other)
            assert "server.origins" in refused.all("error")[0]["message"], other


@pytest.mark.parametrize("name", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io"])
async def test_a_site_whose_name_leads_here_may_not_call(name: str) -> None:
    """DNS rebinding: Origin and Host agree, and neither is ours."""
    async with open_house(Parrot()) as house:
        port = house.address.rpartition(":")[2]
        refused = await call(house, name, origin=f"http://{name}:{port}")
        assert "server.origins" in refused.all("error")[0]["message"]
        assert (await call(house, name)).all("error")
        assert (await ask(house, "GET /metrics", f"Host: {name}:{port}"))[0] == 403


@pytest.mark.parametrize("host", ["localhost:8080", "[::1]:8080", "LOCALHOST", "127.0.0.1"])
async def test_names_of_the_loopback_are_ours(host: str) -> None:
    async with open_house(Parrot()) as house:
        assert (await ask(house, "GET /metrics", f"Host: {host}"))[0] == 200


@pytest.mark.parametrize("host", ["", "[", "[::1", "a@b", "%"])
async def test_a_host_that_is_no_name_is_refused(host: str) -> None:
    async with open_house(Parrot()) as house:
        assert (await ask(house, "GET /metrics", f"Host: {host}"))[0] in (400, 403)


async def test_a_proxy_is_let_in_by_the_address_that_the_operator_named() -> None:
    """One that passes its own name on as Host, and one that does not; its headers prove nothing."""
    origin = "https://voice.example.com"
    variables = {"TRUNKLINE_SERVER__ORIGINS": origin.upper().replace("HTTPS", "https")}
    forwarded = {"X-Forwarded-Host": "voice.example.com", "X-Forwarded-Proto": "https"}
    async with open_house(Parrot()) as house:
        refused = await call(house, origin=origin, additional_headers=forwarded)
        assert refused.all("error")
    async with open_house(Parrot(), variables=variables) as house:
        assert (await call(house, origin=origin, additional_headers=forwarded)).all("started")
        assert (await call(house, "voice.example.com", origin=origin)).all("started")
        assert (await call(house, origin=house.address)).all("started")
        assert (await call(house, origin="https://evil.example")).all("error")
        assert (await ask(house, "GET /metrics", "Host: voice.example.com"))[0] == 200


async def test_a_token_is_asked_of_everybody_and_compared_whole() -> None:
    async with open_house(Parrot(), variables={"TRUNKLINE_SERVER__TOKEN": "sésame"}) as house:
        for shown in ("", "Bearer", "Bearer s", "Basic sesame", "Bearer sésame extra"):
            status, said = await ask(house, "GET /metrics", f"Authorization: {shown}")
            assert status == 401, shown
            assert "trunkline_calls" not in said
        assert (await ask(house, "GET /metrics?token=s%C3%A9same"))[0] == 200
        assert (await ask(house, "GET /metrics?token=s%FFsame"))[0] == 401
        assert (await ask(house, "GET /readyz"))[0] == 200
        assert (await call(house)).all("error")[0]["message"].startswith("Expected the token")


async def test_readiness_says_when_no_line_is_free() -> None:
    async with open_house(Parrot(), variables={"TRUNKLINE_SERVER__MAX_CALLS": "1"}) as house:
        assert json.loads((await ask(house, "GET /readyz"))[1].partition("\r\n\r\n")[2])["ready"]
        async with connect(house.browser, proxy=None) as socket:
            caller = Stranger(socket)
            await caller.start()
            assert (await ask(house, "GET /readyz"))[0] == 503
