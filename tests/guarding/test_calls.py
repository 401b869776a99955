"""Rules in whole calls: an endpoint that is asked, programs as callers, books, and a reload."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import pytest
from openai import AsyncOpenAI

from gateway.running.reloading import Reloading
from gateway.settings import load
from gateway.store.database import open_database
from gateway.store.reading import Reading
from tests.callers.peers.journal import Calls, effects, events
from tests.guarding.endpoint import Endpoint, served
from tests.guarding.shop import BETWEEN, INSTEAD, LevelMouth, LooseMind, written
from tests.guarding.test_wire import loudest, on_the_page
from tests.house import open_house
from tests.whole import BriefMind, open_whole, typing

ASKS = """
[[rules]]
name = "vile"
places = ["assistant"]
moderation = ["hate"]
action = "replace"
phrase = "I cannot speak of that."
"""


async def test_what_an_endpoint_flags_is_not_heard(tmp_path: Path) -> None:
    """The verdict arrives as an event, over real sockets in real time."""
    calls = Calls(tmp_path / "journals")
    policy = written(tmp_path, more=ASKS).popitem()[1]
    text = Path(policy).read_text().replace("buy shares", "never said")
    Path(policy).write_text(text)
    async with served(Endpoint(vile="shares")) as url:
        variables = {
            "TRUNKLINE_GUARD__POLICY": policy,
            "TRUNKLINE_GUARD__MODERATION__BASE_URL": url,
            **calls.settings,
        }
        async with open_house(LooseMind(), variables=variables, mouth=LevelMouth()) as house:
            heard, _ = await on_the_page(house, INSTEAD)
            await house.gateway.switchboard.drain(0)
            await house.gateway.checker.close()
    assert 0 < loudest(heard) < BETWEEN
    (line,) = effects(calls.only(), "Guarded")
    assert line["rule"] == "vile"
    assert len(events(calls.only(), "Checked")) == len(effects(calls.only(), "Check"))


@pytest.mark.virtual_clock
async def test_a_program_sees_a_stopped_answer_end_and_the_other_begin(tmp_path: Path) -> None:
    variables = written(tmp_path)
    async with open_house(LooseMind(), variables=variables, mouth=LevelMouth()) as house:
        client = AsyncOpenAI(base_url=house.address + "/v1", api_key="none")
        seen: list[str] = []
        async with client.realtime.connect(model="gpt-realtime") as line, asyncio.timeout(60):
            await line.conversation.item.create(
                item={
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "Hello?"}],
                }
            )
            await line.response.create()
            ends: list[tuple[str | None, str | None]] = []
            async for event in line:
                seen.append(event.model_dump_json())
                if event.type == "response.done":
                    details = event.response.status_details
                    ends.append((event.response.status, details.reason if details else None))
                if len(ends) == 2:
                    break
        await client.close()
    assert ends[0][0] == "cancelled"
    assert ends[1][0] == "completed"
    assert "shares" not in json.dumps(seen)
    assert INSTEAD in "".join(seen)


async def test_books_and_audit_say_which_rules_a_call_had_and_broke(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'trunkline.db'}"
    policy = tmp_path / "policy.toml"
    books = {"TRUNKLINE_STORE__URL": url, "TRUNKLINE_STORE__SPILL": str(tmp_path / "spill")}
    variables = {**written(tmp_path, hold="false"), **books}
    policy.write_text(policy.read_text().replace('"replace"\nphrase = ', '"note"\n# '))
    async with open_whole(variables, BriefMind("You should buy shares.")) as house:
        async with typing(house) as caller:
            await caller.ask("Hello?")
        label = house.gateway.settings.guard.rules.label
        page = house.gateway.metrics.page().decode()
        call_id = caller.call_id
    database = await open_database(url)
    try:
        call = await Reading(database).call(call_id)
        assert call is not None
        assert call["metadata"]["guard"] == label
        rows = await Reading(database).audit(None, 0, 50)
    finally:
        await database.close()
    found = {row["kind"]: json.loads(row["detail"]) for row in rows}
    assert found["started"]["rules"] == label
    assert found["guard"].items() >= {"rule": "shares", "call": call_id, "policy": label}.items()
    assert 'trunkline_guarded_total{action="note",place="assistant",rule="shares"} 1.0' in page


async def test_a_reload_takes_the_new_policy_and_keeps_the_old_one_where_that_is_wrong(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    variables = written(tmp_path)
    policy = tmp_path / "policy.toml"
    async with open_whole(variables) as house:
        base = house.gateway.settings.assistant.base_url
        reloading = Reloading(
            house.gateway, lambda: load(None, {**variables, "TRUNKLINE_ASSISTANT__BASE_URL": base})
        )
        async with typing(house) as before:
            policy.write_text(policy.read_text().replace('"7"', '"8"'))
            assert await reloading.reload()
            assert house.gateway.settings.guard.rules.version == "8"
            live = house.gateway.switchboard.find(before.call_id)
            assert live is not None
            assert live.plan.guard.version == "7"
            async with typing(house) as after:
                session = house.gateway.switchboard.find(after.call_id)
                assert session is not None
                assert session.plan.guard.version == "8"
            policy.write_text(policy.read_text().replace("phrase", "phrases"))
            assert not await reloading.reload()
            assert house.gateway.settings.guard.rules.version == "8"
        await reloading.close()
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert "policy.toml: there is no key rules number 1.phrases" in record.why  # type: ignore[attr-defined]
