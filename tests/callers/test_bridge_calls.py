"""What a call over a bridge brings to the assistant and to tools: its sound, its keys, its data."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from audio.convert import encode
from audio.tone import dtmf
from gateway.admission.access import Access
from gateway.app import Gateway
from gateway.assistants.target import Target
from gateway.private import Private
from gateway.running.listening import listen
from gateway.running.opening import listening
from gateway.settings import load
from gateway.switchboard import Switchboard
from gateway.taps.metrics import Metrics
from tests.assistants.scripted import Peer as Model
from tests.assistants.scripted import Scripted, scripted
from tests.callers.peers.journal import Calls
from tests.callers.peers.peer import Ring, call, peer_of
from tests.callers.peers.twilio import PEER
from tests.house import House, PlainMind, open_house
from tools import tool
from tools.context import ToolContext
from tools.toolbox import Toolbox

QUESTION = Path(__file__).parents[2] / "samples/audio/commands/where_is_my_order.wav"
PLAIN = {"TRUNKLINE_TURNS__SECOND_OPINION": "false"}
EVERY = bytes(range(256)) * 50  # 1.6 s in which each of the codes is heard


async def answers(model: Model) -> None:
    """A model that answers each request with the same sound."""
    await model.open()
    while True:
        await model.expect("response.create")
        known = {"response_id": "r1", "item_id": "a1", "output_index": 0, "content_index": 0}
        delta = {**known, "type": "response.output_audio.delta", "delta": b64encode(EVERY).decode()}
        response = {"id": "r1", "output": [], "conversation_id": "conv_1"}
        await model.emit(
            {"type": "response.created", "response": {**response, "status": "in_progress"}},
            delta,
            {**known, "type": "response.output_audio.done"},
            {"type": "response.done", "response": {**response, "status": "completed"}},
        )


@asynccontextmanager
async def open_with(model: Scripted) -> AsyncIterator[House]:
    """A gateway of which we see each byte that it sends to its assistant."""
    target = Target(kind="openai", model="m", base_url=model.url, api_key=Private("sk-nobody"))
    with Toolbox(()) as toolbox, listen("127.0.0.1", 0) as bound:
        settings = load(None, {**PLAIN, **PEER.settings})
        gateway = Gateway(
            settings, target, toolbox, Switchboard(10), Metrics(), access=Access(settings)
        )
        async with listening(gateway, bound) as address:
            yield House(gateway, address)
            await gateway.switchboard.drain(0)


@pytest.mark.virtual_clock
async def test_mu_law_reaches_the_assistant_and_comes_back_without_a_bit_changed() -> None:
    async with scripted(answers) as model, open_with(model) as house:
        async with call(PEER, house) as telephone:
            await telephone.say(QUESTION)
            await telephone.until(lambda: b"".join(telephone.heard) == EVERY)
        spoken = b"".join(telephone.sent)
    (update, *_) = [one for one in model.received if one["type"] == "session.update"]
    sound = update["session"]["audio"]
    assert sound["input"]["format"] == sound["output"]["format"] == {"type": "audio/pcmu"}
    said = b"".join(
        b64decode(one["audio"])
        for one in model.received
        if one["type"] == "input_audio_buffer.append"
    )
    assert len(said) > 8_000
    assert said in spoken


@pytest.mark.virtual_clock
async def test_keys_that_the_assistant_presses_are_heard_as_their_tones() -> None:
    @tool
    async def menu(context: ToolContext) -> str:
        """Take the second way."""
        context.send_digits("2#")
        return "done"

    variables = {**PEER.settings, **PLAIN}
    house = open_house(PlainMind("Ok.", "menu"), [menu], variables)
    tones = [encode(dtmf(key, 0.1, 8_000), "pcmu") for key in "2#"]
    async with house as opened, call(PEER, opened) as telephone:
        await telephone.say(QUESTION)
        await telephone.until(lambda: all(tone in b"".join(telephone.heard) for tone in tones))


@pytest.mark.virtual_clock
@pytest.mark.parametrize("name", ["twilio", "signalwire"])
async def test_what_the_carrier_knows_reaches_tools_and_the_journal(
    name: str, tmp_path: Path
) -> None:
    seen: list[ToolContext] = []

    @tool
    async def look(context: ToolContext) -> str:
        """Look who calls."""
        seen.append(context)
        return "seen"

    calls, peer = Calls(tmp_path), peer_of(name)
    variables = {**peer.settings, **PLAIN, **calls.settings}
    house = open_house(PlainMind("Ok.", "look"), [look], variables)
    ring = Ring("+15550123", "+15550145", {"tenant": "acme"})
    async with house as opened, call(peer, opened, ring) as telephone:
        await telephone.say(QUESTION)
        await telephone.until(lambda: bool(seen))
    (context,) = seen
    expected = {
        "bridge": name,
        "from": "+15550123",
        "to": "+15550145",
        "tenant": "acme",
        "call_sid": "CA01",
        "account_sid": "AC01",
        "direction": "inbound",
    }
    assert dict(context.metadata) == expected
    assert context.caller == "+15550123"
    told = calls.only()
    assert told[0]["plan"]["metadata"] == expected
    assert "ticket" not in json.dumps(told[:20])


@pytest.mark.virtual_clock
async def test_a_line_in_the_settings_chooses_by_what_the_carrier_knows(tmp_path: Path) -> None:
    calls = Calls(tmp_path / "journals")
    file = tmp_path / "trunkline.toml"
    file.write_text(
        '[[lines]]\ncalled = "+33*"\nlanguage = "fr"\n'
        '[[lines]]\nparameters = { tenant = "acme" }\nvoice = "cedar"\n'
    )
    variables = {**PEER.settings, **PLAIN, **calls.settings, "TRUNKLINE_CONFIG": str(file)}
    async with open_house(variables=variables) as house:
        for ring in (Ring(called="+33155501"), Ring(parameters={"tenant": "acme"}), Ring()):
            async with call(PEER, house, ring) as telephone:
                await telephone.until(lambda: len(telephone.sent) > 3)
    plans = [told[0]["plan"] for told in calls.all()]
    chosen: list[tuple[Any, Any]] = [(plan["language"], plan["voice"]) for plan in plans]
    default = plans[2]
    assert chosen == [("fr", default["voice"]), (default["language"], "cedar"), chosen[2]]
    assert len(set(chosen)) == 3


@pytest.mark.virtual_clock
async def test_a_long_answer_is_heard_in_one_piece_over_a_slow_network() -> None:
    mind, variables = PlainMind(), {**PEER.settings, **PLAIN}
    house = open_house(mind, variables=variables)
    async with house as opened, call(PEER, opened, lag=0.07) as telephone:
        await telephone.say(QUESTION)
        await telephone.until(lambda: telephone.playout.silent_for > 0.5)
        assert telephone.playout.played == pytest.approx(len(mind.sentence) * 0.06, abs=0.01)
        assert not telephone.cuts
