"""Who may come in by the front door: keys, client secrets, browsers, other sites."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI, AuthenticationError
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from gateway.doors.client_secrets import ClientSecrets
from gateway.identity.who import OPEN
from gateway.protocol.wire import Refused
from tests.front_door.line import called, take
from tests.house import PlainMind, open_house

TOKEN = "a-token-of-the-operator"
LOCKED = {"TRUNKLINE_SERVER__TOKEN": TOKEN}
SITE = "https://shop.example"


async def turned_away(house: Any, code: int, reason: str, **how: Any) -> None:
    async with called(house, **how) as line:
        error = (await line.recv())["error"]
        assert reason.endswith(error["code"])
        assert TOKEN not in str(error)
        with pytest.raises(ConnectionClosed) as closed:
            await line.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, reason)


def bearer(key: str) -> dict[str, Any]:
    return {"additional_headers": {"Authorization": f"Bearer {key}"}}


def browser(key: str, origin: str = "") -> dict[str, Any]:
    offered = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{key}")]
    return {"subprotocols": offered} | ({"origin": origin} if origin else {})


async def secret(house: Any, **body: Any) -> str:
    async with httpx2.AsyncClient() as http:
        address = house.address + "/v1/realtime/client_secrets"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = await http.post(address, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["value"])


async def test_without_keys_any_credential_is_taken_on_this_machine() -> None:
    async with open_house(PlainMind("Yes.")) as house:
        for how in (bearer("sk-any"), browser("sk-any"), {}):
            async with called(house, **how) as line:
                assert (await line.recv())["type"] == "session.created"


async def test_the_operators_key_opens_and_another_does_not() -> None:
    wrong = "invalid_request_error.invalid_api_key"
    async with open_house(PlainMind("Yes."), variables=LOCKED) as house:
        for how in (bearer("sk-other"), browser("sk-other"), bearer("ek_other"), {}):
            await turned_away(house, 3000, wrong, **how)
        for how in (bearer(TOKEN), browser(TOKEN)):
            async with called(house, **how) as line:
                assert (await line.recv())["type"] == "session.created"
                assert line.socket.subprotocol in (None, "realtime"), "a key is never echoed"


async def test_another_sites_page_is_turned_away_unless_it_has_a_secret() -> None:
    wrong = "invalid_request_error.origin_not_allowed"
    async with open_house(PlainMind("Yes."), variables=LOCKED) as house:
        await turned_away(house, 4000, wrong, **browser(TOKEN, SITE))
        async with called(house, **browser(await secret(house), SITE)) as line:
            assert (await line.recv())["type"] == "session.created"


async def test_a_secret_opens_one_session_and_brings_what_it_was_bound_to() -> None:
    wrong = "invalid_request_error.invalid_api_key"
    async with (
        open_house(PlainMind("Yes."), variables=LOCKED) as house,
        AsyncOpenAI(api_key=TOKEN, base_url=house.address + "/v1") as openai,
    ):
        bound = {"instructions": "Be kind.", "audio": {"output": {"voice": "cedar"}}}
        minted = await openai.realtime.client_secrets.create(
            expires_after={"anchor": "created_at", "seconds": 60},
            session={"type": "realtime", **bound},  # type: ignore[typeddict-item]
        )
        assert minted.value.startswith("ek_")
        assert minted.session.instructions == "Be kind."
        mine = AsyncOpenAI(api_key=minted.value, base_url=house.address + "/v1")
        async with mine, mine.realtime.connect(model="gpt-realtime-2.1") as connection:
            created = (await take(connection, "session.created"))[-1].session
            assert created.instructions == "Be kind."
            assert created.audio.output.voice == "cedar"
            await connection.response.create(response={"output_modalities": ["text"]})
            await take(connection, "response.done")
        await turned_away(house, 3000, wrong, **bearer(minted.value))


async def test_a_secret_for_a_page_is_good_there_and_nowhere_else() -> None:
    wrong = "invalid_request_error.invalid_api_key"
    async with open_house(PlainMind("Yes."), variables=LOCKED) as house:
        value = await secret(house, origin=SITE)
        await turned_away(house, 3000, wrong, **browser(value, "https://other.example"))
        await turned_away(house, 3000, wrong, **bearer(value))
        async with called(house, **browser(value, SITE)) as line:
            assert (await line.recv())["type"] == "session.created"


def test_a_secret_expires() -> None:
    now = 1_000.0
    kept = ClientSecrets(lambda: 5_000.0, lambda: now)
    made = kept.mint(60, {})
    value = made.value
    assert made.expires_at == 5_060, "told by the time of day, and kept by a clock that never jumps"
    now = 1_061.0
    with pytest.raises(Refused, match="Incorrect client secret"):
        kept.redeem(value, "")
    assert len(kept) == 0


def test_secrets_that_nobody_uses_are_bounded() -> None:
    now = 1_000.0
    kept = ClientSecrets(lambda: now, lambda: now, limit=2)
    for _ in range(2):
        kept.mint(60, {})
    with pytest.raises(Refused, match="2 client secrets wait"):
        kept.mint(60, {})
    now = 1_100.0
    assert kept.mint(60, {}).expires_at == 1_160


def test_who_asks_for_secrets_and_uses_none_stands_in_nobody_elses_way() -> None:
    kept = ClientSecrets(limit=4, room=1_000)
    acme, globex = (replace(OPEN, tenant=tenant) for tenant in ("acme", "globex"))
    first, *_ = [kept.mint(60, {}, acme) for _ in range(4)]
    theirs = [kept.mint(60, {}, globex) for _ in range(2)]
    with pytest.raises(Refused, match="Incorrect client secret"):
        kept.redeem(first.value, "")
    for who in (acme, globex):
        with pytest.raises(Refused, match="4 client secrets wait"):
            kept.mint(60, {}, who)
    assert kept.redeem(theirs[0].value, "").who == globex


def test_secrets_are_bounded_by_what_they_are_bound_to() -> None:
    kept = ClientSecrets(room=1_000)
    large = {"instructions": "x" * 400}
    made = [kept.mint(60, large) for _ in range(2)]
    with pytest.raises(Refused, match="room for"):
        kept.mint(60, large)
    kept.redeem(made[0].value, "")
    kept.mint(60, large)
    assert len(kept) == 2


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"[]", None),
        (b'{"expires_after":{"anchor":"created_at","seconds":5}}', "body.expires_after.seconds"),
        (b'{"session":{"type":"realtime","x":1}}', "session.x"),
        (b'{"session":{"type":"transcription"}}', "session.type"),
        (b'{"sessions":{}}', "body.sessions"),
    ],
)
async def test_a_wrong_request_for_a_secret_is_refused(body: bytes, param: str | None) -> None:
    async with open_house() as house, httpx2.AsyncClient() as http:
        answer = await http.post(house.address + "/v1/realtime/client_secrets", content=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == param


async def test_a_secret_is_for_whoever_shows_the_key_and_no_other_secret() -> None:
    async with open_house(variables=LOCKED) as house:
        value = await secret(house)
        for key in ("sk-wrong", value):
            async with AsyncOpenAI(
                api_key=key, base_url=house.address + "/v1", max_retries=0
            ) as openai:
                with pytest.raises(AuthenticationError):
                    await openai.realtime.client_secrets.create()


async def test_a_transcription_session_is_not_to_be_had() -> None:
    async with open_house() as house:
        reason = "invalid_request_error.invalid_value"
        await turned_away(house, 4000, reason, query="?intent=transcription")


async def test_an_identity_reaches_the_calls_plan() -> None:
    async with open_house(PlainMind("Yes."), variables=LOCKED) as house:
        value = await secret(house, identity="customer-7")
        async with called(house, **bearer(value)) as line:
            await line.say("input_audio_buffer.append", audio=base64.b64encode(bytes(960)).decode())
            await line.say("response.create")
            await line.until("response.created")
            (session,) = house.gateway.switchboard._live.values()
            assert session.plan.metadata["identity"] == "customer-7"
            await line.until("response.done")


async def test_a_secret_does_not_let_anybody_watch_a_call() -> None:
    async with (
        open_house(PlainMind("Yes."), variables=LOCKED) as house,
        called(house, **bearer(TOKEN)) as line,
    ):
        await line.say("response.create")
        await line.until("response.done")
        (name,) = house.gateway.switchboard._live
        watch = {"query": f"?call_id={name.replace('call_', 'rtc_')}"}
        wrong = "invalid_request_error.call_id_not_found"
        await turned_away(house, 4000, wrong, **watch, **bearer(await secret(house)))
        async with called(house, **watch, **bearer(TOKEN)) as side:
            assert (await side.recv())["type"] == "session.created"
