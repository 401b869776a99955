"""Policies are shown over the API, and stand in the audit when they change; so do refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.running.policies import changed, digest, shown
from gateway.running.reloading import Reloading
from gateway.settings import Settings, load
from tests.house import House
from tests.whole import BriefMind, open_whole, typing

TOKEN = "sesame"


def told(folder: Path) -> dict[str, str]:
    return {
        "TRUNKLINE_SERVER__TOKEN": TOKEN,
        "TRUNKLINE_STORE__URL": str(folder / "trunkline.db"),
        "TRUNKLINE_STORE__SPILL": str(folder / "spill"),
        "TRUNKLINE_QUOTAS__TENANT_CALLS": "1",
    }


async def audited(house: House) -> list[tuple[str, dict[str, Any]]]:
    store = house.gateway.store
    assert store is not None
    await store.writer.wait_written()
    rows = await store.reading.audit(None, 0, 200)
    return [(row["kind"], json.loads(row["detail"])) for row in rows]


async def test_a_change_of_policy_stands_in_the_audit_by_its_keys_and_is_shown(
    tmp_path: Path,
) -> None:
    other = load(
        None, {**told(tmp_path), "TRUNKLINE_IDLE__AFTER_S": "9", "TRUNKLINE_SERVER__TOKEN": "new"}
    )
    async with (
        open_whole(told(tmp_path), BriefMind()) as house,
        AsyncClient(base_url=house.address) as http,
    ):

        async def policies(token: str) -> Any:
            shown = {"authorization": f"Bearer {token}"}
            return (await http.get("/api/policies", headers=shown)).json()

        before = await policies(TOKEN)
        assert before["policies"]["quotas"]["tenant_calls"] == 1
        reloading = Reloading(house.gateway, lambda: other)
        assert await reloading.reload()
        after = await policies("new")
        assert after["policies"]["idle"]["after_s"] == 9
        assert after["digest"] != before["digest"]
        (_, begun), *_, (kind, detail) = [
            one for one in await audited(house) if one[0] in ("started", "policy_changed")
        ]
        assert begun["policy"] == before["digest"]
        assert kind == "policy_changed"
        assert {"idle.after_s", "server.token"} <= set(detail["keys"])
        assert detail["policy"] == after["digest"]
        await reloading.close()


async def test_who_is_over_a_quota_or_shows_a_bad_secret_stands_in_the_audit(
    tmp_path: Path,
) -> None:
    async with open_whole(told(tmp_path), BriefMind()) as house, typing(house, token=TOKEN):
        shown = {"authorization": f"Bearer {TOKEN}"}
        with pytest.raises(InvalidStatus):
            await connect(house.browser, additional_headers=shown)
        bad = {"authorization": "Bearer ek_guess"}
        address = house.browser.replace("/browser", "/v1/realtime")
        async with connect(address, additional_headers=bad, subprotocols=["realtime"]) as socket:  # type: ignore[list-item]
            await socket.wait_closed()
        refusals = [detail for kind, detail in await audited(house) if kind == "refusal"]
    assert [one["status"] for one in refusals] == [429, 401]
    assert "quotas.tenant_calls" in refusals[0]["why"]
    assert "ek_guess" not in str(refusals)


def test_no_secret_and_no_path_is_shown() -> None:
    secrets = {
        "TRUNKLINE_SERVER__TOKEN": "hush",
        "TRUNKLINE_AUTH__JWT_SECRET": "hush" * 10,
        "TRUNKLINE_BUDGET__GOODBYE_SOUND": "/hush/goodbye.wav",
    }
    settings = Settings.model_validate(
        {
            "server": {"token": secrets["TRUNKLINE_SERVER__TOKEN"]},
            "auth": {"jwt_secret": secrets["TRUNKLINE_AUTH__JWT_SECRET"]},
            "budget": {"goodbye_sound": secrets["TRUNKLINE_BUDGET__GOODBYE_SOUND"]},
        }
    )
    assert "hush" not in json.dumps(shown(settings))
    assert list(changed(Settings(), settings)) == [
        "server.token",
        "auth.jwt_secret",
        "budget.goodbye_sound",
    ]
    assert digest(settings) == digest(Settings()), "of what is shown"
