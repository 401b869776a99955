"""On the wire: sound and words that a rule forbids never leave the gateway where they are held."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect

from audio.convert import DECODERS
from gateway.replay import Replay
from tests.callers.peers.journal import Calls, effects
from tests.callers.peers.peer import Ring, call, peer_of
from tests.guarding.shop import BETWEEN, INSTEAD, LevelMouth, LooseMind, written
from tests.house import House, message, open_house


def loudest(heard: list[bytes], encoding: str = "pcm16") -> int:
    pcm = DECODERS[encoding](b"".join(heard))  # type: ignore[index]
    return int(np.abs(np.frombuffer(pcm, np.int16).astype(int)).max(initial=0))


async def on_the_page(house: House, last: str) -> tuple[list[bytes], list[dict[str, Any]]]:
    """All that a page is sent, from its question until those words were heard to their end."""
    heard: list[bytes] = []
    told: list[dict[str, Any]] = []
    async with connect(house.browser) as socket:
        await socket.send(message("start", reports=False))
        await socket.send(message("text", text="Hello?"))
        async with asyncio.timeout(15):
            async for frame in socket:
                if isinstance(frame, bytes):
                    heard.append(frame)
                    continue
                told.append(json.loads(frame))
                words = told[-1]
                if words.get("final") and last in words.get("text", ""):
                    break
        await socket.send(message("hangup"))
    return heard, told


@pytest.mark.virtual_clock
async def test_the_pages_socket_carries_neither_the_sound_nor_the_words(tmp_path: Path) -> None:
    calls = Calls(tmp_path / "journals")
    variables = {**written(tmp_path), **calls.settings}
    async with open_house(LooseMind(), variables=variables, mouth=LevelMouth()) as house:
        heard, told = await on_the_page(house, INSTEAD)
        await house.gateway.switchboard.drain(0)
    assert 0 < loudest(heard) < BETWEEN
    assert "shares" not in json.dumps([one for one in told if one.get("role") == "assistant"])
    (line,) = effects(calls.only(), "Guarded")
    assert (line["rule"], line["action"], line["place"]) == ("shares", "replace", "assistant")
    assert line["policy"].startswith("quiet shop 7 ")
    (journal,) = (tmp_path / "journals").glob("*.jsonl")
    assert list(Replay(journal).differences()) == []


@pytest.mark.virtual_clock
async def test_without_rules_the_same_page_hears_all_of_it() -> None:
    """So the test above would notice."""
    async with open_house(LooseMind(), mouth=LevelMouth()) as house:
        heard, told = await on_the_page(house, "nice day.")
    assert loudest(heard) > BETWEEN
    assert "shares" in json.dumps(told)


@pytest.mark.virtual_clock
async def test_a_telephones_socket_carries_none_of_it_in_g711(tmp_path: Path) -> None:
    peer = peer_of("twilio")
    variables = {**peer.settings, **written(tmp_path)}
    async with open_house(LooseMind(), variables=variables, mouth=LevelMouth()) as house:
        async with call(peer, house, Ring()) as telephone:
            telephone.press("5")
            telephone.press("#")
            await telephone.until(lambda: bool(telephone.heard))
            await telephone.until(lambda: telephone.playout.silent_for > 2)
        assert telephone.provider.format.encoding == "pcmu"
    assert 0 < loudest(telephone.heard, "pcmu") < BETWEEN
    assert telephone.playout.played > 0.03 * len(INSTEAD)
