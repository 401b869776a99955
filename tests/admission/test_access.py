"""Access at the doors: keys and tokens let people in, end with them, and are put down."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from gateway.cli import main
from gateway.errors import SettingsError
from gateway.settings import load
from tests.house import House
from tests.whole import BriefMind, open_whole, typing

SECRET = "a secret of at least thirty-two characters"


def told(tmp_path: Path) -> dict[str, str]:
    return {
        "TRUNKLINE_AUTH__KEYS": "true",
        "TRUNKLINE_AUTH__JWT_SECRET": SECRET,
        "TRUNKLINE_STORE__URL": str(tmp_path / "trunkline.db"),
        "TRUNKLINE_STORE__SPILL": str(tmp_path / "spill"),
    }


async def audited(house: House) -> list[tuple[str, str]]:
    store = house.gateway.store
    assert store is not None
    await store.writer.wait_written()
    return [(row["kind"], row["detail"]) for row in await store.reading.audit(None, 0, 200)]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """The `trunkline` command beside a running gateway, in a thread as in another process."""
    for name, value in told(tmp_path).items():
        monkeypatch.setenv(name, value)

    async def run(*arguments: str, status: int = 0) -> str:
        assert await asyncio.to_thread(main, list(arguments)) == status
        return capsys.readouterr().out.strip()

    return run


async def test_a_key_lets_a_caller_in_and_a_revoked_one_ends_the_call(
    tmp_path: Path, command
) -> None:
    async with open_whole(told(tmp_path)) as house:
        word = await command("keys", "add", "--tenant", "acme", "--name", "shop")
        async with typing(house, "Ada", word) as caller:
            session = house.gateway.switchboard.find(caller.call_id)
            assert session is not None
            key_id = session.plan.credential
            assert (session.plan.tenant, session.plan.caller) == ("acme", "")
            assert key_id in await command("keys", "list")
            began = time.perf_counter()
            await command("keys", "revoke", key_id)
            ended = await caller.wait_for("ended")
            assert ended["reason"] == "the key was revoked"
            assert time.perf_counter() - began < 2
        async with AsyncClient(base_url=house.address) as http:
            shown = {"authorization": f"Bearer {word}"}
            assert (await http.get("/api/whoami", headers=shown)).status_code == 401
        kinds = [kind for kind, _ in await audited(house)]
        assert kinds == ["started", "key_added", "sign_in", "key_revoked", "refusal"]
        assert word not in str(await audited(house))
    assert "links hold; head 5:" in await command("audit", "verify")
    assert "key_revoked" in await command("audit", "list")


async def test_a_rotated_key_works_beside_its_successor_for_a_while(
    tmp_path: Path, command
) -> None:
    async with open_whole(told(tmp_path)) as house, AsyncClient(base_url=house.address) as http:

        async def status(word: str) -> int:
            shown = {"authorization": f"Bearer {word}"}
            return (await http.get("/api/whoami", headers=shown)).status_code

        old = await command("keys", "add", "--scope", "calls:read", "--for", "30d")
        new = await command("keys", "rotate", old.rpartition("_")[0][:19], "--grace", "1h")
        assert (await status(old), await status(new)) == (200, 200)
        newer = await command("keys", "rotate", new[:19], "--grace", "0s")
        assert (await status(new), await status(newer)) == (401, 200)


async def test_a_token_of_ours_lets_in_and_does_what_it_may(tmp_path: Path, command) -> None:
    word = await command("token", "--tenant", "acme", "--caller", "ada", "--for", "15m")
    async with open_whole(told(tmp_path), BriefMind()) as house:
        async with typing(house, token=word) as caller:
            session = house.gateway.switchboard.find(caller.call_id)
            assert session is not None
            plan = session.plan
            assert (plan.tenant, plan.caller) == ("acme", "ada")
            assert plan.credential.startswith("jwt_")
            await command("keys", "revoke", plan.credential)
            async with asyncio.timeout(2):
                assert (await caller.wait_for("ended"))["reason"] == "the token was revoked"
        word = await command("token", "--tenant", "acme", "--for", "15m")
        async with AsyncClient(base_url=house.address) as http:
            shown = {"authorization": f"Bearer {word}"}
            refused = await http.get("/api/calls", headers=shown)
            assert refused.json()["error"]["code"] == "scope_missing"
            assert (await http.get("/api/calls")).headers["www-authenticate"] == "Bearer"


async def test_commands_say_what_they_cannot_do(
    command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["token", "--for", "0s"]) == 2
    assert main(["token", "--caller", ""]) == 2
    assert main(["token", "--for", "soon"]) == 2
    assert "expected a time such as 90s" in capsys.readouterr().err
    assert main(["token", "--scope", "everything"]) == 2
    assert "there is no scope 'everything'" in capsys.readouterr().err
    assert await asyncio.to_thread(main, ["keys", "revoke", "tl_x"]) == 2
    assert "There is no key 'tl_x'" in capsys.readouterr().err
    assert await asyncio.to_thread(main, ["audit", "verify", "--head", "4"]) == 2
    assert "that an earlier verify has printed" in capsys.readouterr().err
    monkeypatch.setenv("TRUNKLINE_AUTH__KEYS", "")
    monkeypatch.setenv("TRUNKLINE_STORE__URL", "")
    for line in (["keys", "list"], ["audit", "verify"]):
        assert await asyncio.to_thread(main, line) == 2
        assert "store.url is empty" in capsys.readouterr().err


async def test_knocking_does_not_fill_the_audit(tmp_path: Path) -> None:
    async with open_whole(told(tmp_path)) as house, AsyncClient(base_url=house.address) as http:
        for _ in range(90):
            assert (await http.get("/api/calls")).status_code == 401
        refusals = [detail for kind, detail in await audited(house) if kind == "refusal"]
    assert 50 <= len(refusals) < 80


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"SERVER__HOST": "0.0.0.0"}, "set up [auth]"),
        ({"AUTH__KEYS": "true"}, "auth.keys = true needs store.url"),
        ({"AUTH__JWKS": "https://login/jwks"}, "auth.jwks needs auth.audience"),
        ({"AUTH__JWT_SECRET": "short"}, "at least 32 characters"),
        ({"AUTH__JWT_SCOPES": "everything"}, "there is no scope 'everything'"),
        ({"AUTH__TENANT": "*"}, "auth.tenant"),
    ],
)
def test_settings_that_would_let_in_nobody_or_anybody_are_refused(
    variables: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        load(None, {f"TRUNKLINE_{name}": value for name, value in variables.items()})
    assert said in str(refused.value)
    assert "short" not in str(refused.value)


def test_beyond_loopback_a_token_a_key_or_an_identity_provider_is_enough() -> None:
    for variables in (
        {"SERVER__TOKEN": "x"},
        {"AUTH__JWT_SECRET": SECRET},
        {"AUTH__KEYS": "true", "STORE__URL": "trunkline.db"},
        {"AUTH__JWKS": "https://login/jwks", "AUTH__AUDIENCE": "us"},
    ):
        given = {f"TRUNKLINE_{name}": value for name, value in variables.items()}
        assert load(None, {**given, "TRUNKLINE_SERVER__HOST": "0.0.0.0"}).server.host == "0.0.0.0"
