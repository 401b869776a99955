"""Twilio's webhook, its signatures, and what may open a stream, at a gateway on real sockets."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from typing import Any
from xml.etree import ElementTree

import pytest
from httpx2 import AsyncClient, Response
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.callers.line import LineError
from gateway.callers.twiml_rest import dial
from gateway.callers.twiml_signature import has_body, is_signed, settings_of, signature, spellings
from gateway.errors import SettingsError
from tests.callers.peers.peer import Ring
from tests.callers.peers.twilio import PEER, TOKEN, Stream, form, public, ring_up
from tests.house import House, open_house

VECTOR = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
SIGNATURE = "X-Twilio-Signature"
SETTINGS = "X-Twilio-Webhooks-Signature-Settings"


@asynccontextmanager
async def house(**more: str) -> AsyncIterator[House]:
    named = {f"TRUNKLINE_BRIDGES__TWILIO__{name.upper()}": value for name, value in more.items()}
    async with open_house(variables={**PEER.settings, **named}) as opened:
        yield opened


async def post(
    opened: House, path: str = "/twilio/voice", fields: Any = None, **headers: str
) -> Response:
    """A webhook's request, signed well unless a signature is given."""
    fields = form(Ring()) if fields is None else fields
    signed = signature(TOKEN, "sha1", public(opened, path), fields.items())
    headers = {SIGNATURE: signed, **{name.replace("_", "-"): v for name, v in headers.items()}}
    async with AsyncClient() as http:
        return await http.post(opened.address + path, data=fields, headers=headers)


# ---------------------------------------------------------------- signatures


def test_a_signature_is_what_twilios_own_library_makes_of_it() -> None:
    assert signature("12345", "sha1", URL, VECTOR.items()) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_the_address_of_a_stream_is_signed_alone() -> None:
    url = "wss://gw.example.com/twilio/media"
    assert signature("12345", "sha1", url, []) == "xOtUNom2O6Ixz0xt8ODDv8MkQUY="
    assert signature("12345", "sha256", url, []) == "zS1vzuzWiHQtXDMzCkOiQYLM3VYvdRVzlA9kIyFRUUU="


def test_a_field_that_comes_twice_is_signed_with_each_value_once() -> None:
    once = signature("k", "sha1", URL, [("a", "2"), ("a", "1")])
    assert once == signature("k", "sha1", URL, [("a", "1"), ("a", "2"), ("a", "2")])


@pytest.mark.parametrize(
    "signed", ["wss://a.b/c", "wss://a.b:443/c", "wss://a.b/c/", "wss://a.b:443/c/"]
)
def test_ports_and_slashes_are_no_matter(signed: str) -> None:
    for known in ("wss://a.b/c", "wss://a.b:443/c", "wss://a.b/c/"):
        assert is_signed(signature("k", "sha1", signed, []), "k", "sha1", known, [])


def test_a_port_that_is_not_the_usual_one_belongs_to_the_address() -> None:
    assert "https://a.b:443/c" not in spellings("https://a.b:8443/c")
    assert "https://a.b/c?x=1" in spellings("https://a.b:443/c?x=1")


def test_nothing_is_signed_with_no_key() -> None:
    assert not is_signed(signature("", "sha1", URL, []), "", "sha1", URL, [])


def test_a_body_is_held_to_the_hash_in_the_address() -> None:
    url = f"https://a.b/c?bodySHA256={sha256(b'{}').hexdigest()}"
    assert has_body(url, b"{}")
    assert not has_body(url, b"{ }")
    assert not has_body("https://a.b/c", b"{}")


def test_the_header_that_names_the_algorithm() -> None:
    assert settings_of("key=K1, algorithm=HMAC_SHA256") == {"key": "K1", "algorithm": "HMAC_SHA256"}
    assert settings_of("") == {}


# ---------------------------------------------------------------- the webhook


async def test_the_webhook_answers_with_a_stream_and_a_ticket() -> None:
    async with house(after="https://example.test/next?a=1&b=2") as opened:
        answer = await post(opened)
    twiml = ElementTree.fromstring(answer.text)
    connection, stream = twiml.find("Connect"), twiml.find("Connect/Stream")
    assert connection is not None
    assert connection.attrib == {"action": "https://example.test/next?a=1&b=2"}
    assert stream is not None
    assert stream.attrib["url"] == public(opened, "/twilio/media", "wss")
    assert stream.attrib["statusCallback"] == public(opened, "/twilio/status")
    (ticket,) = stream.findall("Parameter")
    assert ticket.attrib["name"] == "ticket"
    assert len(ticket.attrib["value"]) == 36


async def test_what_is_not_signed_is_turned_away_and_the_log_keeps_no_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    wrong = {"X_Twilio_Signature": signature("guess", "sha1", URL, [])}
    by_sha256 = {SETTINGS.replace("-", "_"): "key=K,algorithm=HMAC_SHA256"}
    by_nothing = {SETTINGS.replace("-", "_"): "key=K,algorithm=NONE"}
    async with house() as opened:
        for headers in (wrong, {"X_Twilio_Signature": ""}, by_sha256, by_nothing):
            with caplog.at_level(logging.WARNING):
                answer = await post(opened, **headers)
            assert answer.status_code == 403
            assert "xpected" in answer.text
        large = await post(opened, fields={"a": "b" * 70_000})
        assert large.status_code == 413
    logged = [record.__dict__ for record in caplog.records]
    assert [record["bridge"] for record in logged] == ["twilio"] * 4
    assert TOKEN not in str(logged)
    assert "+1555" not in str(logged)


async def test_a_shared_key_signs_with_sha256() -> None:
    async with house(shared_key="s3") as opened:
        fields = form(Ring())
        url = public(opened, "/twilio/voice")
        signed = signature("s3", "sha256", url, fields.items())
        headers = {SIGNATURE: signed, SETTINGS: "key=K,algorithm=HMAC_SHA256"}
        async with AsyncClient() as http:
            answer = await http.post(opened.address + "/twilio/voice", data=fields, headers=headers)
    assert answer.status_code == 200


async def test_the_caller_hears_the_busy_signal_when_no_line_is_free() -> None:
    async with house() as opened:
        await opened.gateway.switchboard.drain(0)
        answer = await post(opened)
    assert answer.status_code == 200
    assert answer.text == '<Response><Reject reason="busy"/></Response>'


async def test_the_status_of_streams_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    fields = {"CallSid": "CA01", "StreamEvent": "stream-error", "StreamError": "31920"}
    with caplog.at_level(logging.WARNING):
        async with house() as opened:
            answer = await post(opened, "/twilio/status", fields)
    assert answer.status_code == 204
    (record,) = caplog.records
    assert record.__dict__["error"] == "31920"


# ---------------------------------------------------------------- the stream


async def test_a_stream_that_is_not_signed_is_turned_away_before_its_upgrade() -> None:
    async with house() as opened:
        url = opened.address.replace("http", "ws") + "/twilio/media"
        for headers in ({}, {SIGNATURE: signature("guess", "sha1", url, [])}):
            with pytest.raises(InvalidStatus) as refused:
                await connect(url, additional_headers=headers, proxy=None)
            assert refused.value.response.status_code == 403


@pytest.mark.parametrize("ticket", ["", "guess", "used"])
async def test_a_stream_without_a_good_ticket_is_closed(ticket: str) -> None:
    async with house() as opened:
        link, good = await ring_up(opened, Ring())
        assert isinstance(good, Stream)
        if ticket == "used":
            word = good._parameters["ticket"]
            assert opened.gateway.switchboard.statistics().live == 0
            for message in good.begin():
                await link.send(message)
            for message in good.hang_up():
                await link.send(message)
            await closed(link)
            link, _ = await ring_up(opened, Ring())
            ticket = word
        for message in Stream({"ticket": ticket} if ticket else {}).begin():
            await link.send(message)
        assert await closed(link) == 1008


async def closed(link: Any) -> int:
    """The code with which the gateway closes."""
    with suppress(ConnectionClosed):
        while True:
            await link.recv()
    code = link.close_code
    assert isinstance(code, int)
    return code


async def test_twiml_of_ones_own_needs_no_ticket_where_that_is_set() -> None:
    async with house(check_ticket="false") as opened:
        url = public(opened, "/twilio/media", "wss")
        headers = {SIGNATURE: signature(TOKEN, "sha1", url, [])}
        address = url.replace("wss", "ws")
        async with connect(address, additional_headers=headers, proxy=None) as link:
            stream = Stream({"from": "+1", "to": "+2"})
            for message in [*stream.begin(), *stream.speak(b"\xff" * 160), *stream.hang_up()]:
                await link.send(message)
            assert await closed(link) == 1000
        assert opened.gateway.switchboard.statistics().admitted == 1


async def test_a_gateway_that_anybody_could_call_does_not_open() -> None:
    with pytest.raises(SettingsError, match=r"twilio\.auth_token"):
        async with house(auth_token=""):
            pass
    with pytest.raises(SettingsError, match="check_upgrade and check_ticket"):
        async with house(check_ticket="false", check_upgrade="false"):
            pass


# ---------------------------------------------------------------- who is dialled


@pytest.mark.parametrize(
    ("target", "inner"),
    [
        ("+1 (555) 123-4567", "<Number>+15551234567</Number>"),
        ("sip:a&b@pbx.test", "<Sip>sip:a&amp;b@pbx.test</Sip>"),
    ],
)
def test_numbers_and_sip_addresses_are_dialled(target: str, inner: str) -> None:
    assert dial(target) == f"<Response><Dial>{inner}</Dial></Response>"


@pytest.mark.parametrize("target", ["", "agent", "+1555</Number><Hangup/>", "sip:a b", "sip:<x>"])
def test_nothing_else_is_dialled(target: str) -> None:
    with pytest.raises(LineError, match="expected a telephone number"):
        dial(target)


def test_numbers_on_the_wire_are_strings() -> None:
    first, second = (json.loads(text) for text in Stream().begin())
    assert "sequenceNumber" not in first
    assert second["sequenceNumber"] == "1"
