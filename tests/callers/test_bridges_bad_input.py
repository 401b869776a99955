"""Peers that misbehave at a bridge's real door: closed with a code and a line in the log, alone."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from gateway.callers.parting import MAX_FRAME
from tests.callers.conformance.case import Case, case_of
from tests.callers.peers.peer import PEERS, Link, Peer, Ring, call, peer_of
from tests.house import House, open_house

ROOT = Path(__file__).parents[2]
QUESTION = ROOT / "samples/audio/commands/where_is_my_order.wav"
PLAIN = {"TRUNKLINE_TURNS__SECOND_OPINION": "false"}
CODES = (1003, 1007, 1008, 1009)


@pytest.fixture(params=PEERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def peer(name: str) -> Peer:
    return peer_of(name)


@pytest.fixture
def case(name: str) -> Case:
    return case_of(name)


async def ended(link: Link) -> int | None:
    """Wait until the gateway closes; the code, where the connection knows codes."""
    with suppress(ConnectionClosed, EOFError, OSError):
        while True:
            await link.recv()
    return getattr(link, "close_code", None)


async def break_in(house: House, peer: Peer, message: Any, *, begun: bool) -> int | None:
    """A call in which that message comes."""
    link, provider = await peer.connect(house, Ring())
    frame = provider.format.silence(provider.frame)
    before = [*provider.begin(), *provider.speak(frame)] if begun else []
    with suppress(ConnectionClosed, OSError):
        for one in (*before, message):
            await link.send(one)
    try:
        return await ended(link)
    finally:
        await link.close()


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log gives as reasons."""
    return [str(record.__dict__.get("why", "")) for record in caplog.records]


@pytest.mark.virtual_clock
async def test_garbage_ends_its_own_call_with_a_code_and_a_reason_and_no_other(
    peer: Peer, case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with (
        open_house(variables={**peer.settings, **PLAIN}) as house,
        call(peer, house) as bystander,
    ):
        await bystander.say(QUESTION)
        for message in case.garbage:
            if not peer.carries(message):
                continue  # such a thing can be written down, but not sent
            caplog.clear()
            code = await break_in(house, peer, message, begun=True)
            assert code is None or code in CODES, message
            while not said(caplog):  # some legs let the peer close first
                await asyncio.sleep(0.1)
            (why,) = said(caplog)
            assert "xpected" in why, message
        await bystander.until_heard(4)
        assert not bystander.cuts


@pytest.mark.virtual_clock
async def test_a_call_that_does_not_begin_is_closed_after_ten_seconds(
    peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with open_house(variables={**peer.settings, **PLAIN}) as house:
        link, _ = await peer.connect(house, Ring())
        assert await ended(link) in (None, 1008)
        await link.close()
        assert house.gateway.switchboard.statistics().admitted == 0
    (why,) = said(caplog)
    assert "within 10 s" in why


@pytest.mark.virtual_clock
async def test_a_huge_message_is_refused(peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    if not peer.carries("x"):
        pytest.skip("its messages have a length of 16 bits")
    caplog.set_level(logging.WARNING)
    async with open_house(variables={**peer.settings, **PLAIN}) as house:
        for begun in (False, True):
            code = await break_in(house, peer, "x" * (MAX_FRAME + 1), begun=begun)
            assert code in (None, 1009)
    assert len([why for why in said(caplog) if f"at most {MAX_FRAME}" in why]) == 2
