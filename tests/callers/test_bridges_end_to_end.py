"""Whole calls over every bridge: a telephone on a real socket, the gateway, and an assistant."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.callers.peers.journal import Calls, cuts, effects, events
from tests.callers.peers.peer import PEERS, Peer, Ring, call, peer_of
from tests.house import House, PlainMind, open_house

ROOT = Path(__file__).parents[2]
QUESTION = ROOT / "samples/audio/commands/where_is_my_order.wav"
STOP = ROOT / "samples/audio/commands/stop_wait.wav"
NEAR, PACED_NEAR = 0.060, 0.020  # seconds by which a truncation may be off
PLAIN = {"TRUNKLINE_TURNS__SECOND_OPINION": "false"}


@pytest.fixture(params=PEERS)
def peer(request: pytest.FixtureRequest) -> Peer:
    return peer_of(request.param)


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


async def until_empty(house: House) -> None:
    """Wait until the gateway has no call any more."""
    async with asyncio.timeout(20):
        while house.gateway.switchboard.statistics().live:
            await asyncio.sleep(0.05)


@pytest.mark.virtual_clock
async def test_a_caller_talks_interrupts_presses_keys_and_hangs_up(
    peer: Peer, calls: Calls
) -> None:
    ring = Ring("+15550100", "+15550101", {"tenant": "acme"})
    variables = {**peer.settings, **PLAIN, **calls.settings}
    async with open_house(PlainMind(pause=0.3), variables=variables) as house:
        async with call(peer, house, ring) as telephone:
            await telephone.say(QUESTION)
            await telephone.until_heard(0.7)
            await telephone.say(STOP)
            await telephone.until_cut(1)
            await telephone.until_heard(1.13)
            telephone.press("5")
            telephone.press("#")
            await telephone.until_cut(2)
            await telephone.until_heard(0.3)
        await until_empty(house)
        assert house.gateway.switchboard.statistics().admitted == 1

    told = calls.only()
    known = told[0]["plan"]["metadata"]
    assert known.items() >= {"from": ring.caller, "to": ring.called, "tenant": "acme"}.items()
    near = PACED_NEAR if peer.paced else NEAR
    assert cuts(told) == [pytest.approx(played, abs=near) for played in telephone.cuts]
    assert len(telephone.cuts) == 2
    assert [line["digit"] for line in events(told, "CallerDigit")] == ["5", "#"]
    assert any("pressed 5 #" in line["text"] for line in effects(told, "SendText"))
    (end,) = effects(told, "End")
    assert end["reason"] == "hung up"
    assert len(events(told, "CallerLeft")) == 1


@pytest.mark.virtual_clock
async def test_the_assistant_hangs_up(peer: Peer, calls: Calls) -> None:
    variables = {**peer.settings, **PLAIN, **calls.settings}
    async with open_house(variables=variables) as house, call(peer, house) as telephone:
        await telephone.say(QUESTION)
        await telephone.until_heard(0.3)
        await house.gateway.switchboard.drain(60)
        await telephone.ended.wait()
        assert telephone.playout.played > 3  # its last words are spoken to the end
    (end,) = effects(calls.only(), "End")
    assert end["reason"] == "the gateway is shutting down"


@pytest.mark.virtual_clock
async def test_a_key_in_the_middle_of_speech_does_not_end_the_turn(
    peer: Peer, calls: Calls
) -> None:
    async with open_house(variables={**peer.settings, **PLAIN, **calls.settings}) as house:
        async with call(peer, house) as telephone:
            saying = asyncio.create_task(telephone.say(QUESTION))
            await telephone.until(lambda: telephone.spoken > 1.2)
            telephone.press("7")
            await saying
            await telephone.until_heard(0.1)
        await until_empty(house)
    told = calls.only()
    (pressed,) = events(told, "CallerDigit")
    (commit,) = effects(told, "Commit")
    assert commit["t"] > pressed["t"]
    assert any("pressed 7" in line["text"] for line in effects(told, "SendText"))


@pytest.mark.virtual_clock
async def test_whoever_hangs_up_early_leaves_nothing_behind_and_may_call_again(peer: Peer) -> None:
    async with open_house(variables={**peer.settings, **PLAIN}) as house:
        link, _ = await peer.connect(house, Ring())
        await link.close()
        for moment in range(3):
            async with call(peer, house) as telephone:
                if moment:
                    saying = asyncio.create_task(telephone.say(QUESTION))
                    await telephone.until(lambda: telephone.spoken > 0.4)
                    saying.cancel()
                if moment > 1:
                    await telephone.until_heard(0.1)
                await telephone.break_off()
            await until_empty(house)
        assert house.gateway.switchboard.statistics().admitted == 3
