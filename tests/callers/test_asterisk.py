"""Calls from a real Asterisk, and by one; only where Asterisk is installed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from httpx2 import AsyncClient

from gateway.call.events import TransferOrdered
from tests.callers import asterisk
from tests.callers.asterisk import running
from tests.callers.peers import audiosocket, chan_websocket
from tests.callers.peers.journal import Calls, effects, events
from tests.house import House, PlainMind, open_house

pytestmark = pytest.mark.skipif(asterisk.ASTERISK is None, reason="no Asterisk is installed here")

VARIABLES = {
    **audiosocket.PEER.settings,
    **chan_websocket.PEER.settings,
    "TRUNKLINE_TURNS__SECOND_OPINION": "false",
}


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path / "journals")


def tone_seconds(pcm: bytes) -> float:
    """How long the assistant's tone was heard, counted in 20 ms that are nothing but it."""
    wave = np.frombuffer(pcm, "<i2").astype(float)
    frames = wave[: len(wave) // 160 * 160].reshape(-1, 160) * np.hanning(160)
    found = np.abs(np.fft.rfft(frames, axis=1))
    loud = np.abs(frames).max(axis=1) > 500
    return float(np.sum(loud & np.isin(found.argmax(axis=1), (8, 9, 10)))) / 50


async def until_over(house: House, count: int = 1) -> None:
    board = house.gateway.switchboard
    async with asyncio.timeout(40):
        while board.statistics().admitted < count or board.statistics().live:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("way", ["app", "wide", "raw", "json", "plain"])
async def test_a_caller_of_an_asterisk_is_heard_and_answered(
    tmp_path: Path, calls: Calls, way: str
) -> None:
    async with (
        open_house(variables={**VARIABLES, **calls.settings}) as house,
        running(tmp_path, house.address) as pbx,
    ):
        await pbx.call(way)
        await until_over(house)
        await pbx.until_idle()
        heard, log = pbx.heard(), pbx.log()
    told = calls.only()
    known = told[0]["plan"]["metadata"]
    assert known.items() >= {"from": "+15550100", "to": "100", "tenant": "acme"}.items()
    assert effects(told, "Commit")
    assert tone_seconds(heard) > 1.5
    assert "WebSocket TEXT message" not in log
    assert "AudioSocket message" not in log
    (end,) = effects(told, "End")
    assert end["reason"] == "hung up"


@pytest.mark.parametrize("way", ["app", "json", "plain"])
async def test_keys_that_a_caller_of_an_asterisk_presses_are_told(
    tmp_path: Path, calls: Calls, way: str
) -> None:
    async with (
        open_house(variables={**VARIABLES, **calls.settings}) as house,
        running(tmp_path, house.address) as pbx,
    ):
        await pbx.call(way, "digits")
        await until_over(house)
        heard = pbx.heard()
    told = calls.only()
    assert [line["digit"] for line in events(told, "CallerDigit")] == ["4", "2", "#"]
    assert tone_seconds(heard) > 1


@pytest.mark.parametrize("way", ["app", "json"])
@pytest.mark.parametrize("target", ["agent", ""])
async def test_the_dialplan_goes_on_when_the_assistant_has_done(
    tmp_path: Path, calls: Calls, way: str, target: str
) -> None:
    async with (
        open_house(variables={**VARIABLES, **calls.settings}) as house,
        running(tmp_path, house.address) as pbx,
    ):
        await pbx.call(way, "wait")
        board = house.gateway.switchboard
        async with asyncio.timeout(20):
            while not board.statistics().live:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        (session,) = board._live.values()
        if target:
            session.feed(TransferOrdered(target))
        else:
            await board.drain(5)
        await pbx.until_logged("next transfer|agent" if target else "next ended|16")
        if target:
            await pbx.until_logged("the agent is there")
        await pbx.ask("channel request hangup all")
        await pbx.until_idle()


async def test_a_call_without_a_ticket_goes_on_in_the_dialplan_and_learns_why(
    tmp_path: Path,
) -> None:
    async with (
        open_house(variables=VARIABLES) as house,
        running(tmp_path, house.address) as pbx,
    ):
        await pbx.call("nobody")
        await pbx.until_logged("next refused|21")
        await pbx.until_idle()
        assert house.gateway.switchboard.statistics().admitted == 0


@pytest.mark.parametrize("whose", ["callee", "assistant"])
async def test_an_asterisk_calls_somebody_for_us(tmp_path: Path, calls: Calls, whose: str) -> None:
    ari = audiosocket.free_port()
    prefix = "TRUNKLINE_BRIDGES__CHAN_WEBSOCKET__ARI__"
    variables = {
        **VARIABLES,
        **calls.settings,
        f"{prefix}URL": f"http://127.0.0.1:{ari}",
        f"{prefix}PASSWORD": "secret",
        f"{prefix}ENDPOINT": "Local/{target}@gateway",
    }
    async with (
        open_house(PlainMind(), variables=variables) as house,
        running(tmp_path, house.address, ari) as pbx,
    ):
        order = {"via": "chan_websocket", "to": "callee", "metadata": {"campaign": "spring"}}
        async with AsyncClient() as http:
            answer = await http.post(f"{house.address}/api/calls", json=order)
        assert answer.status_code == 201, answer.text
        if whose == "assistant":
            async with asyncio.timeout(20):
                while not house.gateway.switchboard.statistics().live:
                    await asyncio.sleep(0.05)
            await asyncio.sleep(0.5)
            await house.gateway.switchboard.drain(5)
        await until_over(house)
        await pbx.until_idle()
        assert "mixing" not in await pbx.ask("bridge show all")
        heard = pbx.heard() if whose == "callee" else b""
    told = calls.only()
    assert told[0]["plan"]["metadata"]["campaign"] == "spring"
    if whose == "callee":
        assert tone_seconds(heard) > 1.5
