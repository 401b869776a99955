"""Calls that are ended, put through and begun over the REST API of Twilio and of SignalWire."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from httpx2 import AsyncClient, Response
from websockets.asyncio.client import connect

from gateway.callers.twiml_signature import signature
from tests.callers.peers.journal import Calls, effects, events
from tests.callers.peers.peer import Ring, call, peer_of
from tests.callers.peers.twilio import TOKEN, Stream, form
from tests.callers.standin import Asked, StandIn, put_through, standing_in
from tests.house import House, PlainMind, open_house

QUESTION = Path(__file__).parents[2] / "samples/audio/commands/where_is_my_order.wav"
NAMES = ("twilio", "signalwire")
ROOTS = {"twilio": "/2010-04-01/Accounts/AC01", "signalwire": "/api/laml/2010-04-01/Accounts/AC01"}
HEADERS = {"twilio": "X-Twilio-Signature", "signalwire": "X-SignalWire-Signature"}
PUBLIC = "https://voice.example.com"
PUBLIC_URL = {"TRUNKLINE_SERVER__PUBLIC_URL": PUBLIC}
SECRET = "t0ken-of-the-api"


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def open_both(
    name: str, tools: Any = (), mind: Any = None, others: Any = None, **more: str
) -> AsyncIterator[tuple[House, StandIn]]:
    """A gateway with credentials for the API, and that API."""
    async with standing_in(usual=(201, {"sid": "CA77", "status": "queued"})) as api:
        section = {"caller": "+15550199", **more}
        if name == "twilio":
            section |= {"account_sid": "AC01", "api_url": api.address}
        else:
            section |= {"project_id": "AC01", "api_token": SECRET, "space": api.address}
        variables = dict(peer_of(name).settings)
        variables |= {
            f"TRUNKLINE_BRIDGES__{name.upper()}__{k.upper()}": v for k, v in section.items()
        }
        async with open_house(mind, tools, {**variables, **(others or {})}) as house:
            yield house, api


def ordered(name: str, one: Asked) -> dict[str, str]:
    """The fields of an order that shows the right credentials."""
    word = TOKEN if name == "twilio" else SECRET
    assert one.headers["authorization"] == "Basic " + b64encode(f"AC01:{word}".encode()).decode()
    assert one.headers["content-type"] == "application/x-www-form-urlencoded"
    return {key: value for key, (value,) in parse_qs(one.body.decode()).items()}


async def dialled(house: House, name: str, **order: Any) -> Response:
    """A program asks for a call."""
    async with AsyncClient() as http:
        body = {"via": name, "to": "+15550100", **order}
        return await http.post(house.address + "/api/calls", json=body)


async def asked_by(house: House, name: str, url: str, **fields: str) -> str:
    """The provider asks at that address what to do with a call of ours; the answer."""
    path = url.removeprefix(PUBLIC)
    said = {**form(Ring("+15550199", "+15550100")), "Direction": "outbound-api", **fields}
    headers = {HEADERS[name]: signature(TOKEN, "sha1", url, said.items())}
    async with AsyncClient() as http:
        answer = await http.post(house.address + path, data=said, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


# ---------------------------------------------------------------- ending


@pytest.mark.virtual_clock
async def test_a_call_that_the_assistant_ends_is_ended_at_the_provider_too(name: str) -> None:
    async with open_both(name) as (house, api), call(peer_of(name), house) as telephone:
        await telephone.say(QUESTION)
        await telephone.until_heard(0.1)
        await house.gateway.switchboard.drain(60)
        await telephone.ended.wait()
    (order,) = api.asked
    assert order.path == f"{ROOTS[name]}/Calls/CA01.json"
    assert ordered(name, order) == {"Status": "completed"}


@pytest.mark.virtual_clock
async def test_a_call_that_the_provider_goes_on_with_is_not_ended(name: str) -> None:
    both = open_both(name, after="https://example.test/next")
    async with both as (house, api), call(peer_of(name), house) as telephone:
        await telephone.say(QUESTION)
        await telephone.until_heard(0.1)
        await house.gateway.switchboard.drain(60)
        await telephone.ended.wait()
    assert not api.asked


@pytest.mark.virtual_clock
async def test_a_call_that_the_caller_ends_is_left_alone(name: str) -> None:
    async with open_both(name) as (house, api):
        async with call(peer_of(name), house) as telephone:
            await telephone.until(lambda: len(telephone.sent) > 5)
        await house.gateway.switchboard.drain(5)
        assert not api.asked


@pytest.mark.virtual_clock
async def test_a_call_that_is_gone_already_is_no_trouble(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_both(name) as (house, api), call(peer_of(name), house) as telephone:
        api.answers["CA01.json"] = (404, {"code": 20404, "message": "not found"})
        await telephone.until(lambda: len(telephone.sent) > 5)
        with caplog.at_level(logging.WARNING):
            await house.gateway.switchboard.drain(60)
            await telephone.ended.wait()
    assert api.asked
    assert not caplog.records


# ---------------------------------------------------------------- putting through


@pytest.mark.virtual_clock
async def test_a_caller_is_put_through(name: str, tmp_path: Path) -> None:
    calls, mind = Calls(tmp_path), PlainMind("Yes.", "put_through")
    tools = [put_through("+1 555 123 4567")]
    async with open_both(name, tools, mind, calls.settings) as (house, api):
        async with call(peer_of(name), house) as telephone:
            await telephone.say(QUESTION)
            await telephone.ended.wait()
        (order,) = api.asked
        assert order.path == f"{ROOTS[name]}/Calls/CA01.json"
        fields = ordered(name, order)
        twiml = fields.get("Twiml") or await asked_by_stream(house, name, fields["Url"])
    assert ElementTree.fromstring(twiml).findtext("Dial/Number") == "+15551234567"
    told = calls.only()
    (transfer,) = effects(told, "Transfer")
    assert transfer["target"] == "+1 555 123 4567"
    assert [line["reason"] for line in events(told, "CallerLeft")]


async def asked_by_stream(house: House, name: str, url: str) -> str:
    """The same where no public address is set: it is as it came with the stream."""
    fields = form(Ring())
    headers = {HEADERS[name]: signature(TOKEN, "sha1", url, fields.items())}
    async with AsyncClient() as http:
        answer = await http.post(url.replace("https:", "http:"), data=fields, headers=headers)
        again = await http.post(url.replace("https:", "http:"), data=fields, headers=headers)
    assert (answer.status_code, again.status_code) == (200, 403)
    return answer.text


@pytest.mark.virtual_clock
async def test_a_transfer_that_fails_is_told_to_the_caller(name: str, tmp_path: Path) -> None:
    calls, mind = Calls(tmp_path), PlainMind("Yes.", "put_through")
    tools = [put_through("+15551234567")]
    async with open_both(name, tools, mind, calls.settings) as (house, api):
        api.answers["CA01.json"] = (400, {"code": 21220, "message": "Call is not in-progress."})
        async with call(peer_of(name), house) as telephone:
            await telephone.say(QUESTION)
            await telephone.until(lambda: telephone.playout.silent_for > 2)
    told = calls.only()
    (failed,) = events(told, "TransferFailed")
    assert effects(told[told.index(failed) :], "Play")
    assert "Call is not in-progress. (21220)" in failed["reason"]


@pytest.mark.virtual_clock
async def test_without_credentials_the_assistant_learns_that_nobody_is_put_through(
    name: str, tmp_path: Path
) -> None:
    calls, peer = Calls(tmp_path), peer_of(name)
    mind, tools = PlainMind("Yes.", "put_through"), [put_through("+15551234567")]
    variables = {**peer.settings, **calls.settings}
    async with open_house(mind, tools, variables) as house, call(peer, house) as telephone:
        await telephone.say(QUESTION)
        await telephone.until(lambda: telephone.playout.silent_for > 2)
    (failed,) = events(calls.only(), "TransferFailed")
    assert "cannot put callers through" in failed["reason"]


# ---------------------------------------------------------------- calling somebody


async def test_somebody_is_called_and_the_webhook_knows_the_call(name: str) -> None:
    async with open_both(name, others=PUBLIC_URL) as (house, api):
        answer = await dialled(house, name, metadata={"campaign": "spring"})
        assert (answer.status_code, answer.json()) == (201, {"via": name, "id": "CA77"})
        (order,) = api.asked
        assert order.path == f"{ROOTS[name]}/Calls.json"
        fields = ordered(name, order)
        assert (fields["To"], fields["From"]) == ("+15550100", "+15550199")
        assert "MachineDetection" not in fields
        assert urlsplit(fields["StatusCallback"]).path == f"/{name}/status"
        twiml = ElementTree.fromstring(await asked_by(house, name, fields["Url"]))
        (ticket,) = twiml.iter("Parameter")
        (again,) = await refused(house, name, fields["Url"])
    assert len(ticket.attrib["value"]) == 36
    assert again == 403


async def refused(house: House, name: str, url: str) -> list[int]:
    """An address that was used before."""
    said = form(Ring())
    headers = {HEADERS[name]: signature(TOKEN, "sha1", url, said.items())}
    async with AsyncClient() as http:
        path = url.removeprefix(PUBLIC)
        return [(await http.post(house.address + path, data=said, headers=headers)).status_code]


@pytest.mark.parametrize(
    ("answering", "by", "hung_up"),
    [
        ("detect", "machine_start", False),
        ("hang_up", "machine_start", True),
        ("hang_up", "fax", True),
        ("hang_up", "human", False),
    ],
)
async def test_a_machine_that_answers_is_dealt_with(
    name: str, answering: str, by: str, hung_up: bool
) -> None:
    async with open_both(name, others=PUBLIC_URL) as (house, api):
        await dialled(house, name, answering=answering)
        fields = ordered(name, api.asked[0])
        assert fields["MachineDetection"] == "Enable"
        twiml = await asked_by(house, name, fields["Url"], AnsweredBy=by)
    assert (twiml == "<Response><Hangup/></Response>") == hung_up
    assert ("<Stream" in twiml) != hung_up


async def test_what_the_provider_objects_to_is_passed_on_without_secrets(name: str) -> None:
    async with open_both(name, others=PUBLIC_URL) as (house, api):
        api.answers["Calls.json"] = (400, {"code": 21211, "message": "Invalid 'To' number."})
        answer = await dialled(house, name)
        api.answers["Calls.json"] = (500, "no object")
        other = await dialled(house, name)
    assert answer.status_code == other.status_code == 502
    assert "Invalid 'To' number. (21211)" in answer.text
    assert "answered 500" in other.text
    assert SECRET not in answer.text + other.text
    assert TOKEN not in answer.text + other.text


async def test_nobody_is_called_without_an_address_to_come_back_to(name: str) -> None:
    async with open_both(name) as (house, api):
        answer = await dialled(house, name)
    assert answer.status_code == 502
    assert "server.public_url" in answer.text
    assert not api.asked


async def test_nobody_is_called_without_a_number_to_show(name: str) -> None:
    async with open_both(name, caller="", others=PUBLIC_URL) as (house, _):
        answer = await dialled(house, name)
        fine = await dialled(house, name, **{"from": "+15550155"})
    assert answer.status_code == 502
    assert f"bridges.{name}.caller" in answer.text
    assert fine.status_code == 201


@pytest.mark.virtual_clock
async def test_the_call_that_was_asked_for_knows_why_it_was_made(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    both = open_both("twilio", others={**PUBLIC_URL, **calls.settings})
    async with both as (house, api):
        await dialled(house, "twilio", answering="detect", metadata={"campaign": "spring"})
        url = ordered("twilio", api.asked[0])["Url"]
        twiml = ElementTree.fromstring(await asked_by(house, "twilio", url, AnsweredBy="human"))
        stream = twiml.find("Connect/Stream")
        assert stream is not None
        address = house.address.replace("http:", "ws:") + "/twilio/media"
        headers = {HEADERS["twilio"]: signature(TOKEN, "sha1", stream.attrib["url"], [])}
        async with connect(address, additional_headers=headers, proxy=None) as link:
            given = {one.attrib["name"]: one.attrib["value"] for one in stream}
            called = Stream(given)
            for message in [*called.begin(), *called.hang_up()]:
                await link.send(message)
            await link.wait_closed()
        await house.gateway.switchboard.drain(5)
    assert calls.only()[0]["plan"]["metadata"] == {
        "bridge": "twilio",
        "from": "+15550100",  # who is at the other end
        "to": "+15550199",
        "direction": "outbound",
        "answered_by": "human",
        "campaign": "spring",
        "call_sid": "CA01",
        "account_sid": "AC01",
    }
