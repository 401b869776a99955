"""Who is let in, how refusals look, and what the addresses mean."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trustme
import websockets

from gateway.embedded.parts import Say
from gateway.embedded.server import Assistant, ServerOptions, serve
from gateway.errors import AssistantError

LOCKED = ServerOptions(keys=frozenset({"sk-right"}))


async def closing(client: Any) -> tuple[dict[str, Any], int, str]:
    """The error, the code and the reason with which the server closes."""
    error = (await client.until("error"))[-1]["error"]
    with pytest.raises(websockets.ConnectionClosed) as closed:
        await client.receive()
    assert closed.value.rcvd is not None
    return error, closed.value.rcvd.code, closed.value.rcvd.reason


@pytest.mark.parametrize(
    "how",
    [
        {"additional_headers": {"Authorization": "Bearer sk-right"}},
        {"additional_headers": {"api-key": "sk-right"}},
        {"subprotocols": ["realtime", "openai-insecure-api-key.sk-right"]},
    ],
)
async def test_a_key_opens_the_door_wherever_it_is_given(stage: Any, how: Any) -> None:
    async with stage(options=LOCKED) as s, s.client(**how) as client:
        assert (await client.receive())["type"] == "session.created"
        assert client.socket.subprotocol == ("realtime" if "subprotocols" in how else None)


@pytest.mark.parametrize("key", ["sk-wrong", "", "ek_made_up", "schlüssel"])
async def test_a_wrong_key_is_told_and_closed_with_3000(stage: Any, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}".encode().decode("latin-1")}
    how = {"additional_headers": headers} if key else {}
    async with stage(options=LOCKED) as s, s.client(**how) as client:
        error, code, reason = await closing(client)
        assert (code, reason) == (3000, "invalid_request_error.invalid_api_key")
        assert error["code"] == "invalid_api_key"
        assert "sk-" not in str(error)


async def test_without_keys_everybody_is_let_in(stage: Any) -> None:
    async with stage() as s, s.client("") as client:
        assert (await client.receive())["session"]["model"] == "trunkline"
        assert (await client.update(model="other"))["model"] == "other"


async def test_a_client_secret_opens_the_session_that_it_was_made_for(stage: Any) -> None:
    now = 1_000.0
    options = ServerOptions(keys=frozenset({"sk-right"}), wall=lambda: now)
    async with stage(options=options) as s, httpx2.AsyncClient() as http:
        url = s.address.base_url + "/realtime/client_secrets"
        body = {
            "expires_after": {"anchor": "created_at", "seconds": 60},
            "session": {"type": "realtime", "instructions": "Be kind."},
        }
        assert (await http.post(url, json=body)).status_code == 401
        headers = {"Authorization": "Bearer sk-right"}
        answer = (await http.post(url, json=body, headers=headers)).json()
        assert answer["expires_at"] == 1060
        assert answer["session"]["object"] == "realtime.session"
        how = {"subprotocols": ["realtime", f"openai-insecure-api-key.{answer['value']}"]}
        for _ in range(2):
            async with s.client(**how) as client:
                assert (await client.receive())["session"]["instructions"] == "Be kind."
        now = 1_061.0
        async with s.client(**how) as client:
            assert (await closing(client))[1] == 3000

        for wrong in ({"expires_after": {"seconds": 5}}, {"session": {"type": "x"}}, {"colour": 1}):
            refused = await http.post(url, json=wrong, headers=headers)
            assert refused.status_code == 400
            assert refused.json()["error"]["message"]
        broken = await http.post(url, content=b"{", headers=headers)
        assert broken.json()["error"]["code"] == "invalid_json"
        huge = await http.post(url, content=b" " * 2_000_000, headers=headers)
        assert huge.json()["error"]["code"] == "request_too_large"


async def test_a_secret_for_transcription_opens_a_transcription_session(stage: Any) -> None:
    async with stage() as s, httpx2.AsyncClient() as http:
        url = s.address.base_url + "/realtime/client_secrets"
        answer = (await http.post(url, json={"session": {"type": "transcription"}})).json()
        headers = {"Authorization": f"Bearer {answer['value']}"}
        async with s.client("", additional_headers=headers) as client:
            assert (await client.receive())["session"]["type"] == "transcription"


@pytest.mark.parametrize(
    ("query", "code"),
    [("?intent=singing", "invalid_intent"), ("?call_id=rtc_1", "invalid_call_id")],
)
async def test_an_address_that_means_nothing_is_closed_with_4000(
    stage: Any, query: str, code: str
) -> None:
    async with stage() as s, s.client(query) as client:
        error, closed, reason = await closing(client)
        assert error["code"] == code
        assert (closed, reason) == (4000, f"invalid_request_error.{code}")


async def test_azures_ga_address_is_the_same_door(stage: Any) -> None:
    async with stage() as s, s.client("?model=mine", path="/openai/v1/realtime") as client:
        assert (await client.receive())["session"]["model"] == "mine"


async def test_health_is_told(stage: Any) -> None:
    async with stage() as s, httpx2.AsyncClient() as http:
        url = s.address.base_url.removesuffix("/v1")
        assert (await http.get(f"{url}/healthz")).json() == {"status": "ok"}
        assert (await http.get(f"{url}/v1/realtime/client_secrets")).status_code == 405


async def test_tls(stage: Any, tmp_path: Path) -> None:
    authority = trustme.CA()
    pem = tmp_path / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    async with stage([[Say("Safe.")]], certfile=pem, keyfile=pem) as s:
        assert s.address.url.startswith("wss://")
        async with s.client(ssl=trust) as client:
            await client.receive()
            await client.say("Are we?")
            done = (await client.until("response.done"))[-1]["response"]
            assert done["output"][0]["content"][0]["transcript"] == "Safe."


async def test_a_port_that_is_taken_is_named(stage: Any) -> None:
    async with stage() as s:
        who = Assistant(s.ears, s.mind, s.mouth)
        with pytest.raises(AssistantError, match=f"{s.address.port}.*Choose a free port"):
            async with serve(who, port=s.address.port):
                pass


async def test_it_listens_on_ipv6_too(stage: Any) -> None:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
    async with stage(host="::1") as s, s.client() as client:
        assert "[::1]" in s.address.url
        await client.receive()
