"""A telephone call to the assistant that ships: real ears, mind and mouth, over real sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from audio.convert import decode
from audio.resample import convert
from gateway.embedded.assemble import assemble
from gateway.embedded.moonshine import words
from gateway.embedded.parts import Ears
from tests.callers.peers.journal import Calls, cuts, effects, events
from tests.callers.peers.peer import Peer, Telephone, call, peer_of
from tests.house import House, open_house
from tools.builtin import current_time, hang_up

COMMANDS = Path(__file__).parents[2] / "samples/audio/commands"
NEAR = {"twilio": 0.060, "audiosocket": 0.020}  # seconds by which a truncation may be off


async def answer(telephone: Telephone, ears: Ears) -> list[str]:
    """The words that the caller makes of what is said from now on, up to a second of silence."""
    telephone.heard.clear()
    wire, count, since = telephone.provider.format, 0, 0.0

    def over() -> bool:
        nonlocal count, since
        sounding = sum(one != wire.silence(wire.samples(one)) for one in telephone.heard)
        if sounding != count:
            count, since = sounding, telephone.spoken
        return count > 0 and telephone.spoken - since > 1.0

    await telephone.until(over)
    pcm = convert(decode(b"".join(telephone.heard), wire.encoding), wire.rate, 16_000)
    return words(await ears.transcribe(pcm))


async def conversation(peer: Peer, house: House, ears: Ears) -> float:
    """A whole call; gives the seconds that were heard of the answer which was interrupted."""
    async with call(peer, house) as telephone:
        await telephone.say(COMMANDS / "what_can_you_do.wav")
        await telephone.until_heard(0.8)
        await telephone.say(COMMANDS / "stop_wait.wav")
        await telephone.until_cut(1)
        if peer.paced:
            return telephone.cuts[0]  # one conversation to the end is enough for a busy machine
        await telephone.say(COMMANDS / "what_time_in_tokyo.wav")
        assert "tokyo" in await answer(telephone, ears)
        telephone.press("5")
        telephone.press("#")
        assert {"you", "pressed"} <= set(await answer(telephone, ears))
        return telephone.cuts[0]


@pytest.mark.models
@pytest.mark.virtual_clock
async def test_callers_ask_are_answered_interrupt_ask_again_and_press_a_key(
    tmp_path: Path,
) -> None:
    calls, peers = Calls(tmp_path), [peer_of(name) for name in NEAR]
    variables = {name: told for peer in peers for name, told in peer.settings.items()}
    async with assemble() as parts:
        house = open_house(
            parts.mind,
            [current_time, hang_up],
            {**variables, **calls.settings},
            ears=parts.ears,
            mouth=parts.mouth,
        )
        async with house as opened:
            both = [conversation(peer, opened, parts.ears) for peer in peers]
            cut = dict(zip(NEAR, await asyncio.gather(*both), strict=True))

    journals = calls.all()
    assert {told[0]["plan"]["metadata"]["bridge"] for told in journals} == set(NEAR)
    for told in journals:
        name = told[0]["plan"]["metadata"]["bridge"]
        heard = [line["text"].lower() for line in events(told, "CallerWords") if line["final"]]
        assert "what can you do" in heard[0]
        tools = [line["name"] for line in effects(told, "RunTool")]
        assert tools == (["current_time"] if name == "twilio" else [])
        assert cuts(told)[0] == pytest.approx(cut[name], abs=NEAR[name])
        (end,) = effects(told, "End")
        assert end["reason"] == "hung up"
