"""`trunkline dial` against a running gateway, whose carrier is a server that writes down orders."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

import pytest

from gateway.cli import main
from tests.callers.peers.twilio import PEER
from tests.callers.standin import StandIn, standing_in
from tests.house import House, open_house


@asynccontextmanager
async def open_carrier() -> AsyncIterator[tuple[House, StandIn]]:
    async with standing_in(usual=(201, {"sid": "CA77"})) as api:
        section = "TRUNKLINE_BRIDGES__TWILIO__"
        variables = {
            **PEER.settings,
            f"{section}ACCOUNT_SID": "AC01",
            f"{section}API_URL": api.address,
            f"{section}CALLER": "+15550199",
            "TRUNKLINE_SERVER__PUBLIC_URL": "https://voice.example.com",
            "TRUNKLINE_SERVER__TOKEN": "sesame",
        }
        async with open_house(variables=variables) as house:
            yield house, api


async def dial(house: House, *more: str) -> int:
    arguments = ["dial", "--url", house.address, "--via", "twilio", "+15550100", *more]
    return await asyncio.to_thread(main, arguments)


async def test_somebody_is_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRUNKLINE_SERVER__TOKEN", "sesame")
    async with open_carrier() as (house, api):
        more = ("--from", "+15550155", "--answering", "hang_up", "--data", "customer=4711")
        assert await dial(house, *more) == 0
    assert capsys.readouterr().out == "twilio calls +15550100: CA77\n"
    fields = {name: value for name, (value,) in parse_qs(api.asked[0].body.decode()).items()}
    assert fields["To"] == "+15550100"
    assert fields["From"] == "+15550155"
    assert fields["MachineDetection"] == "Enable"


async def test_what_goes_wrong_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_carrier() as (house, api):
        assert await dial(house) == 2
        assert "Expected the token" in capsys.readouterr().err
        monkeypatch.setenv("TRUNKLINE_SERVER__TOKEN", "sesame")
        api.usual = (400, {"code": 21211, "message": "Invalid 'To' number."})
        assert await dial(house) == 2
        assert "Twilio answered 400: Invalid 'To' number. (21211)" in capsys.readouterr().err
        assert await dial(house, "--via", "telnyx") == 2
        assert "a bridge that is enabled and can dial (twilio)" in capsys.readouterr().err
        assert await dial(house, "--data", "nonsense") == 2
        assert "expected NAME=VALUE" in capsys.readouterr().err
        assert not any("sesame" in str(one) for one in api.asked)
    assert await dial(house) == 2
    assert "start one with: trunkline serve" in capsys.readouterr().err
