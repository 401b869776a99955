"""The authorisation matrix: every address, every scope, one's own and another's tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from httpx2 import AsyncClient, Response

from gateway.api.endpoint import Endpoint
from gateway.api.routes import DESCRIPTION, ENDPOINTS
from gateway.identity.policy import TokenPolicy
from gateway.identity.tokens import issue
from gateway.identity.who import SCOPES
from gateway.store.documents import Document, Documents, Piece
from gateway.store.writes import put
from tests.house import House
from tests.whole import open_whole

SECRET = "a secret of at least thirty-two characters"
POLICY = TokenPolicy(SECRET)
EVERY = (*ENDPOINTS, DESCRIPTION)
BODIES: dict[str, Any] = {
    "/api/stops": {"kind": "caller", "target": "nobody"},
    "/api/revocations": {"token": "none"},
    "/api/keys": {"scopes": ["keys"]},
    "/api/calls": {"via": "nobody", "to": "+1"},
    "/api/budgets": {"caller": "ada", "day_usd": 1.5},
}


def token(tenant: str, scopes: Iterable[str]) -> dict[str, str]:
    return {"authorization": f"Bearer {issue(POLICY, tenant, 'somebody', list(scopes), 600)}"}


@asynccontextmanager
async def two_tenants(tmp_path: Path) -> AsyncIterator[tuple[House, AsyncClient]]:
    """Books with a call and a key of acme, and the same of globex."""
    told = {
        "TRUNKLINE_AUTH__JWT_SECRET": SECRET,
        "TRUNKLINE_AUTH__KEYS": "true",
        "TRUNKLINE_STORE__URL": str(tmp_path / "trunkline.db"),
        "TRUNKLINE_STORE__SPILL": str(tmp_path / "spill"),
    }
    async with open_whole(told) as house, AsyncClient(base_url=house.address) as http:
        store = house.gateway.store
        assert store is not None
        for tenant in ("acme", "globex"):
            row = {"id": f"call_{tenant}", "tenant": tenant, "began_ms": 1, "metadata": {}}
            store.writer.add(put("calls", row | {"ended_ms": 2, "caller": f"caller of {tenant}"}))
            store.audit.note("stop", "somebody", tenant, target=f"secret of {tenant}")
            made = Document(tenant, f"{tenant}.md", "md", "", 1, 1, 1)
            await Documents(store.database).add(made, [Piece("", "", "words")], "")
        await store.writer.wait_written()
        yield house, http


async def ask(
    http: AsyncClient, one: Endpoint, tenant: str, headers: dict[str, str], key: str = "tl_none"
) -> Response:
    """The request, for what belongs to that tenant."""
    path = one.path.format(
        call_id=f"call_{tenant}",
        key_id=key,
        caller_id=f"caller of {tenant}",
        document=f"{tenant}.md",
    )
    body = BODIES.get(path, {}) if one.method != "GET" else None
    return await http.request(one.method, path, headers=headers, json=body)


async def new_key(http: AsyncClient, tenant: str) -> str:
    made = await http.post("/api/keys", json=BODIES["/api/keys"], headers=token(tenant, SCOPES))
    return str(made.json()["key"]["id"])


async def test_nobody_does_what_no_scope_allows(tmp_path: Path) -> None:
    async with two_tenants(tmp_path) as (_, http):
        for one in EVERY:
            key = await new_key(http, "acme")
            assert (await ask(http, one, "acme", {}, key)).status_code == 401, one.path
            for scope in (*SCOPES, ""):
                headers = token("acme", [scope] if scope else [])
                answer = await ask(http, one, "acme", headers, key)
                said = f"{one.path} with {scope or 'no scope'}: {answer.status_code} {answer.text}"
                allowed = answer.status_code not in (401, 403)
                assert allowed == (one.scope in ("", scope)), said
            without = [scope for scope in SCOPES if scope != one.scope]
            answer = await ask(http, one, "acme", token("acme", without), key)
            assert (answer.status_code == 403) == bool(one.scope), one.path


async def test_what_is_anothers_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    async with two_tenants(tmp_path) as (_, http):
        mine = token("acme", SCOPES)
        for one in EVERY:
            key = await new_key(http, "globex")
            answer = await ask(http, one, "globex", mine, key)
            if "{" in one.path:
                missing = await ask(http, one, "nobody", mine)
                assert (answer.status_code, answer.text) == (404, missing.text), one.path
            else:
                assert "globex" not in answer.text, one.path
                assert key not in answer.text, one.path
            assert "globex" not in (await http.get("/api/calls", headers=mine)).text
            every = await ask(http, one, "globex", token("*", SCOPES), key)
            assert every.status_code not in (401, 403), one.path


async def test_a_key_makes_no_key_that_may_more_or_is_anothers(tmp_path: Path) -> None:
    async with two_tenants(tmp_path) as (_, http):
        mine = token("acme", ["keys", "calls:read"])

        async def made(**wanted: Any) -> int:
            return (await http.post("/api/keys", json=wanted, headers=mine)).status_code

        assert await made(scopes=["calls:read"]) == 201
        assert await made(scopes=["calls:stop"]) == 403
        assert await made(scopes=["everything"]) == 400
        assert await made(scopes=[]) == 400
        assert await made(scopes=["keys"], tenant="globex") == 403
        assert await made(scopes=["keys"], tenant="*") == 403
        assert await made(scopes=["keys"], tenant="") == 403
        nobodys = {"scopes": ["keys"], "tenant": "\u200b"}
        every = await http.post("/api/keys", json=nobodys, headers=token("*", SCOPES))
        assert every.status_code == 403
        assert await made(scopes=["keys"], expires="2020-01-01T00:00:00Z") == 400
        assert await made(scopes=["keys"], expires="9999-12-31T23:59:59-23:59") == 400
        assert (await http.get("/api/keys", headers=mine)).status_code == 200
        strong = await new_key(http, "acme")
        weak = token("acme", ["keys"])
        stolen = await http.post(f"/api/keys/{strong}/rotate", headers=weak)
        assert stolen.status_code == 201  # it has the scope keys, as they have
        other = await http.post(
            "/api/keys", json={"scopes": ["calls:stop"]}, headers=token("acme", SCOPES)
        )
        stolen = await http.post(f"/api/keys/{other.json()['key']['id']}/rotate", headers=weak)
        assert stolen.status_code == 403


async def test_a_tenant_stops_its_own_calls_alone(tmp_path: Path) -> None:
    async with two_tenants(tmp_path) as (_, http):
        order = {"kind": "tenant", "target": "globex"}
        mine = await http.post("/api/stops", json=order, headers=token("acme", SCOPES))
        assert mine.status_code == 403
        everybodys = await http.post("/api/stops", json=order, headers=token("*", SCOPES))
        assert everybodys.status_code == 200
