"""A caller who has as many calls as one may have is refused at every bridge, and counted once."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.callers.peers.peer import PEERS, Link, Peer, Ring, peer_of
from tests.house import House, open_house

ONE = {"TRUNKLINE_QUOTAS__CALLER_CALLS": "1"}


async def ring(house: House, peer: Peer, who: Ring) -> Link | None:
    """A call that has begun to speak, if it could."""
    try:
        link, provider = await peer.connect(house, who)
    except (AssertionError, InvalidStatus, KeyError):
        return None  # the webhook's answer was another
    frame = provider.format.silence(provider.frame)
    with suppress(ConnectionClosed, OSError):
        for one in (*provider.begin(), *provider.speak(frame)):
            await link.send(one)
    return link


async def settled(house: House, live: int, refused: int) -> bool:
    """Whether it comes to that."""
    async with asyncio.timeout(10):
        while True:
            figures = house.gateway.switchboard.statistics()
            if (figures.live, figures.refused) == (live, refused):
                return True
            await asyncio.sleep(0.02)


@pytest.mark.virtual_clock
@pytest.mark.parametrize("name", PEERS)
async def test_one_call_too_many_of_a_caller_is_refused_and_counted_once(name: str) -> None:
    peer = peer_of(name)
    async with open_house(variables={**peer.settings, **ONE}) as house:
        links = [await ring(house, peer, Ring())]
        assert await settled(house, 1, 0)
        links.append(await ring(house, peer, Ring()))
        assert await settled(house, 1, 1)
        links.append(await ring(house, peer, replace(Ring(), caller="+15550199")))
        assert await settled(house, 2, 1)
        for link in links:
            if link is not None:
                await link.close()
        assert await settled(house, 0, 1)
