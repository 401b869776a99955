"""Genesys Cloud: signatures, refusals, probes, monitors, farewells, and its reference client."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from gateway.callers import genesys
from gateway.callers.genesys import Upgrade, is_signed
from gateway.errors import SettingsError
from tests.callers.capture import Capture, load, replay
from tests.callers.peers.genesys import KEY, PEER, SECRET, Session, upgrade
from tests.callers.peers.journal import Calls, effects
from tests.callers.peers.peer import Ring, Telephone, call
from tests.callers.peers.provider import Owed, Sound
from tests.callers.standin import put_through
from tests.house import House, PlainMind, open_house

QUESTION = Path(__file__).parents[2] / "samples/audio/commands/where_is_my_order.wav"
PUBLISHED = Upgrade(
    "/api/v1/voicebiometrics/ws",
    "audiohook.example.com",
    {
        "audiohook-organization-id": "d7934305-0972-4844-938e-9060eef73d05",
        "audiohook-session-id": "30b0e395-84d3-4570-ac13-9a62d8f514c0",
        "audiohook-correlation-id": "e160e428-53e2-487c-977d-96989bf5c99d",
        "x-api-key": KEY,
        "signature": "sig1=:NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:",
        "signature-input": (
            'sig1=("@request-target" "@authority" "audiohook-organization-id" '
            '"audiohook-session-id" "audiohook-correlation-id" "x-api-key")'
            f';keyid="{KEY}";nonce="VGhpc0lzQVVuaXF1ZU5vbmNl";alg="hmac-sha256"'
            ";created=1641013200;expires=3282026430"
        ),
    },
)
MADE = 1641013200


def media(house: House, path: str = "connector") -> str:
    return house.address.replace("http", "ws", 1) + f"/genesys/{path}"


# ---------------------------------------------------------------- who may come in


def test_the_published_example_is_signed() -> None:
    assert is_signed(PUBLISHED, KEY, b64decode(SECRET), MADE + 3)


@pytest.mark.parametrize("now", [MADE + 11, MADE - 6, 4e9])
def test_a_signature_is_of_now(now: float) -> None:
    assert not is_signed(PUBLISHED, KEY, b64decode(SECRET), now)


def changed(name: str, old: str, new: str) -> Upgrade:
    headers = dict(PUBLISHED.headers)
    assert old in headers[name]
    headers[name] = headers[name].replace(old, new)
    return Upgrade(PUBLISHED.target, PUBLISHED.authority, headers)


@pytest.mark.parametrize(
    "other",
    [
        Upgrade(PUBLISHED.target + "?a=1", PUBLISHED.authority, PUBLISHED.headers),
        Upgrade(PUBLISHED.target, "other.example.com", PUBLISHED.headers),
        changed("audiohook-session-id", "30b0", "30b1"),
        changed("signature", "NZBw", "NZBx"),
        changed("signature", "sig1", "sig2"),
        changed("signature-input", ' "x-api-key"', ""),
        changed("signature-input", '"@authority" ', ""),
        changed("signature-input", "VGhpc0lzQVVuaXF1ZU5vbmNl", "short"),
        changed("signature-input", "hmac-sha256", "hmac-sha512"),
        changed("signature-input", ";created=1641013200", ""),
        Upgrade(PUBLISHED.target, PUBLISHED.authority, {"x-api-key": KEY}),
    ],
)
def test_whatever_is_changed_is_not_signed(other: Upgrade) -> None:
    assert not is_signed(other, KEY, b64decode(SECRET), MADE)


def test_another_key_or_secret_does_not_fit() -> None:
    assert not is_signed(PUBLISHED, KEY + "x", b64decode(SECRET), MADE)
    assert not is_signed(PUBLISHED, KEY, b"another secret", MADE)


def test_the_order_of_the_headers_does_not_matter() -> None:
    headers = upgrade("wss://gw.example.com/x?a=1", when=MADE)
    turned = dict(reversed(headers.items()))
    assert is_signed(Upgrade("/x", "gw.example.com", turned), KEY, b64decode(SECRET), MADE)


def test_a_header_that_is_no_signature_costs_its_length_and_not_its_square() -> None:
    for text in ("a" * 500_000, "sig1=(" + "x" * 500_000, "sig1=()" + ";a=1" * 100_000):
        headers = {**PUBLISHED.headers, "signature-input": text, "signature": text}
        other = Upgrade(PUBLISHED.target, PUBLISHED.authority, headers)
        assert not is_signed(other, KEY, b64decode(SECRET), MADE)  # an hour, were it the square


@pytest.mark.virtual_clock
async def test_every_refusal_takes_the_same_time(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    async with open_house(variables=PEER.settings) as house:
        good = upgrade(media(house))
        for headers in (
            {},
            {**good, "x-api-key": "guess"},
            {**good, "signature": "sig1=:AAAA:"},
            {**good, "audiohook-session-id": "another"},
            upgrade(media(house), secret="AAAA"),
            upgrade(media(house), when=MADE),
        ):
            began = loop.time()
            with pytest.raises(InvalidStatus) as refused:
                await connect(media(house), additional_headers=headers, proxy=None)
            assert refused.value.response.status_code == 403
            assert loop.time() - began == pytest.approx(0.5, abs=0.05)
    assert SECRET not in caplog.text
    assert KEY not in caplog.text


async def test_without_a_secret_the_key_is_enough_and_the_organization_may_be_named() -> None:
    known = "1e5bcf1e-420b-47eb-a667-e0666da501f7"
    plain = {"TRUNKLINE_BRIDGES__GENESYS__CLIENT_SECRET": ""}
    for organization, admitted in (("", True), (known, True), ("another", False)):
        only = {"TRUNKLINE_BRIDGES__GENESYS__ORGANIZATION_ID": organization}
        async with open_house(variables={**PEER.settings, **plain, **only}) as house:
            headers = {"x-api-key": KEY, "audiohook-organization-id": known}
            with suppress(InvalidStatus):
                await (await connect(media(house), additional_headers=headers, proxy=None)).close()
                assert admitted


async def test_a_secret_that_is_no_base64_is_said_at_the_start() -> None:
    wrong = {"TRUNKLINE_BRIDGES__GENESYS__CLIENT_SECRET": "not base64!"}
    with pytest.raises(SettingsError, match="client_secret"):
        async with open_house(variables={**PEER.settings, **wrong}):
            pass


# ---------------------------------------------------------------- sessions


async def test_a_connection_probe_is_answered_and_is_no_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_house(variables=PEER.settings) as house:
        session = Session(probe=True)
        headers = upgrade(media(house))
        async with connect(media(house), additional_headers=headers, proxy=None) as link:
            await link.send(session.begin()[0])
            session.take(await link.recv())
            assert session.media == []
            await link.send(session.hang_up()[0])
            closed = json.loads(await link.recv())
            assert (closed["type"], closed["seq"], closed["clientseq"]) == ("closed", 2, 2)
            await link.wait_closed()
        assert house.gateway.switchboard.statistics().admitted == 0
    assert not [one for one in caplog.records if one.levelname == "WARNING"]


@pytest.mark.virtual_clock
async def test_a_caller_is_put_through_in_the_protocols_own_words() -> None:
    tools = [put_through("sales")]
    async with (
        open_house(PlainMind("Yes.", "put_through"), tools, PEER.settings) as house,
        call(PEER, house) as telephone,
    ):
        await telephone.say(QUESTION)
        await telephone.ended.wait()
        assert telephone.transferred == ["sales"]


@pytest.mark.virtual_clock
async def test_no_more_than_five_packets_go_out_in_a_second() -> None:
    loop, times = asyncio.get_running_loop(), []
    async with open_house(variables=PEER.settings) as house, call(PEER, house) as telephone:
        take = telephone.provider.take

        def timed(message: Any) -> Any:
            orders = take(message)
            times.extend(loop.time() for order in orders if isinstance(order, Sound))
            return orders

        telephone.provider.take = timed  # type: ignore[method-assign]
        await telephone.say(QUESTION)
        await telephone.until_heard(3)
    assert len(times) > 5
    assert all(later - sooner > 0.99 for sooner, later in zip(times, times[5:], strict=False))


@pytest.mark.virtual_clock
async def test_a_monitor_is_written_down_and_never_answered(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    variables = {**PEER.settings, **calls.settings, "TRUNKLINE_ASSISTANT__GREETING": "Greet."}
    async with open_house(variables=variables) as house:
        headers = upgrade(media(house, "monitor"))
        link = await connect(media(house, "monitor"), additional_headers=headers, proxy=None)
        session = Session(monitor=True)
        await link.send(session.begin()[0])
        telephone = Telephone(link, session)
        running = asyncio.create_task(telephone.run())
        await telephone.say(QUESTION)
        await telephone.until(lambda: telephone.spoken > 8)
        await telephone.hang_up()
        await running
    told = calls.only()
    assert not telephone.heard
    assert effects(told, "Commit")
    assert not effects(told, "Respond", "Play")
    assert [one for one in effects(told, "ShowWords") if one["final"] and one["role"] == "caller"]


async def test_a_full_gateway_disconnects_and_waits_for_the_close() -> None:
    async with open_house(variables=PEER.settings) as house:
        await house.gateway.switchboard.drain(0)
        link, session = await PEER.connect(house, Ring())
        await link.send(session.begin()[0])
        heard: list[Any] = []
        with suppress(ConnectionClosed):
            while True:
                message = await link.recv()
                heard.append(json.loads(message))
                for order in session.take(message):
                    if isinstance(order, Owed):
                        for said in order.messages:
                            await link.send(said)
        assert [one["type"] for one in heard] == ["disconnect", "closed"]
        assert heard[0]["parameters"]["reason"] == "error"
        assert "shutting down" in heard[0]["parameters"]["info"]


# ---------------------------------------------------------------- the reference client


def inflated(capture: Capture) -> Capture:
    """The same, as its client says it to a server that agrees on no compression, like ours."""
    inflate = PerMessageDeflate(False, False, 12, 12)
    (request, *rest), reader, reads = capture.peer, StreamReader(), []
    parsing = None
    for read in rest:
        reader.feed_data(read.data)
        said = b""
        while reader.buffer or parsing is not None:
            parsing = parsing or Frame.parse(
                reader.read_exact, mask=True, max_size=None, extensions=[inflate]
            )
            try:
                next(parsing)
                break  # the rest of the frame is in the next read
            except StopIteration as end:
                said += end.value.serialize(mask=True, extensions=[])
                parsing = None
        reads.append(replace(read, data=said))
    return replace(capture, peer=(request, *reads))


def frames(answered: bytes) -> Iterator[Frame]:
    """The frames behind the answer to an upgrade."""
    head, _, rest = answered.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101"), head
    reader = StreamReader()
    reader.feed_data(rest)
    while reader.buffer:
        parsing = Frame.parse(reader.read_exact, mask=False, max_size=None, extensions=[])
        try:
            next(parsing)
        except StopIteration as end:
            yield end.value
        else:
            raise AssertionError("a frame is cut")


@pytest.mark.virtual_clock
async def test_the_reference_client_is_answered_byte_by_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, capture = Calls(tmp_path), inflated(load("genesys_reference_client_session"))
    monkeypatch.setattr(genesys, "wall_clock", lambda: 1795227983.5)  # when it was signed
    path = {"TRUNKLINE_BRIDGES__GENESYS__MONITOR_PATH": "/api/v1/audiohook/ws"}
    async with open_house(variables={**PEER.settings, **path, **calls.settings}) as house:
        answered = await replay(capture, int(house.address.rpartition(":")[2]))
        assert house.gateway.switchboard.statistics().admitted == 1
    said = [json.loads(one.data) for one in frames(answered) if one.opcode is Opcode.TEXT]
    assert [(one["type"], one["seq"], one["clientseq"]) for one in said] == [
        ("opened", 1, 1),
        ("pong", 2, 2),
        ("pong", 3, 3),
        ("closed", 4, 4),
    ]
    (end,) = effects(calls.only(), "End")
    assert end["reason"] == "hung up"
