"""Documents over the API: added, listed, removed; bad and large ones are refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from httpx2 import AsyncClient

from gateway.identity.policy import TokenPolicy
from gateway.identity.tokens import issue
from tests.whole import open_whole

SECRET = "a secret of at least thirty-two characters"


def token(tenant: str) -> dict[str, str]:
    word = issue(TokenPolicy(SECRET), tenant, "somebody", ["knowledge"], 600)
    return {"authorization": f"Bearer {word}"}


@asynccontextmanager
async def library(tmp_path: Path, *, store: bool = True) -> AsyncIterator[AsyncClient]:
    told = {"TRUNKLINE_AUTH__JWT_SECRET": SECRET, "TRUNKLINE_KNOWLEDGE__LARGEST_MB": "1"}
    if store:
        told["TRUNKLINE_STORE__URL"] = str(tmp_path / "trunkline.db")
        told["TRUNKLINE_STORE__SPILL"] = str(tmp_path / "spill")
    async with open_whole(told) as house, AsyncClient(base_url=house.address) as http:
        yield http


async def test_a_document_is_added_listed_and_removed(tmp_path: Path) -> None:
    async with library(tmp_path) as http:
        mine = {"headers": token("acme"), "params": {"name": "our terms.md"}}
        made = await http.post("/api/knowledge", content=b"# Terms\n\nPay at once.", **mine)
        assert made.status_code == 201
        listed = (await http.get("/api/knowledge", headers=token("acme"))).json()["documents"]
        assert listed == [made.json()]
        assert (listed[0]["name"], listed[0]["tenant"]) == ("our terms.md", "acme")
        everybodys = await http.get("/api/knowledge", headers=token("*"), params={"tenant": "acme"})
        assert everybodys.json()["documents"] == listed
        gone = await http.delete("/api/knowledge/our%20terms.md", headers=token("acme"))
        assert gone.status_code == 200
        gone = await http.delete("/api/knowledge/our%20terms.md", headers=token("acme"))
        assert gone.status_code == 404
        for tenant in ("globex", "*", ""):
            asked = {"headers": token("acme"), "params": {"tenant": tenant, "name": "a.md"}}
            assert (await http.get("/api/knowledge", **asked)).status_code == 403
            assert (await http.post("/api/knowledge", content=b"x", **asked)).status_code == 403


async def test_what_is_no_document_or_too_large_is_refused(tmp_path: Path) -> None:
    async def chunked() -> AsyncIterator[bytes]:
        for _ in range(2000):
            yield b"x" * 1000

    async with library(tmp_path) as http:
        for name, content, status, said in (
            ("a.pdf", b"hello", 400, "no PDF"),
            ("a.exe", b"hello", 400, "its ending is .exe"),
            ("a.txt", b"x" * 1_000_001, 413, "at most 1000000 bytes"),
            ("a.txt", chunked(), 413, "at most 1000000 bytes"),
        ):
            asked = {"headers": token("acme"), "params": {"name": name}}
            answer = await http.post("/api/knowledge", content=content, **asked)
            assert (answer.status_code, said in answer.text) == (status, True), answer.text
        assert (await http.get("/api/knowledge", headers=token("acme"))).json() == {"documents": []}


async def test_without_a_store_there_are_no_shelves(tmp_path: Path) -> None:
    async with library(tmp_path, store=False) as http:
        assert (await http.get("/api/knowledge", headers=token("acme"))).status_code == 409
