"""Two real calls to the assistant that ships, a restart between them: who returns is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.embedded.assemble import assemble
from gateway.embedded.server import serve
from gateway.identity.policy import TokenPolicy
from gateway.identity.tokens import issue
from gateway.rehearsal.caller import SampleCaller
from gateway.rehearsal.conversation import Conversation
from gateway.rehearsal.house import open_house
from gateway.rehearsal.script import Say, Script, Think, Turn
from gateway.rehearsal.sounds import read
from gateway.settings import load

SAMPLES = Path(__file__).parents[2] / "samples"
SECRET = "a secret of at least thirty-two characters"


async def ring_up(told: dict[str, str], spoken: str) -> Conversation:
    """A gateway from its start to its end, and one call to it."""
    turn = Turn(Say(SAMPLES / f"audio/commands/{spoken}.wav"), Think(0.6))
    script = Script("returning", (turn,), timeout=60.0)
    token = issue(TokenPolicy(SECRET), "acme", "ada", ["calls:place"], 600)
    async with open_house(load(None, told)) as house:
        return await SampleCaller(script, read(script)).call(house.url, token)


@pytest.mark.models
@pytest.mark.virtual_clock
async def test_a_caller_who_returns_after_a_restart_is_greeted_with_what_was_agreed(
    tmp_path: Path,
) -> None:
    told = {
        "TRUNKLINE_AUTH__JWT_SECRET": SECRET,
        "TRUNKLINE_STORE__URL": str(tmp_path / "trunkline.db"),
        "TRUNKLINE_STORE__SPILL": str(tmp_path / "spill"),
        "TRUNKLINE_MEMORY__CALLERS": "known",
        "TRUNKLINE_TOOLS__MODULES": str(SAMPLES / "orderdesk.py"),
        "TRUNKLINE_ASSISTANT__GREETING": "Greet the caller and ask how you can help.",
    }
    async with assemble() as assistant, serve(assistant) as model:
        told["TRUNKLINE_ASSISTANT__BASE_URL"] = model.base_url
        first = await ring_up(told, "where_is_my_order")
        second = await ring_up(told, "thanks_goodbye")
    assert "Welcome back" not in first.transcript[0].text
    greeting = second.transcript[0]
    assert greeting.who == "assistant"
    assert "Welcome back" in greeting.text
    assert "4217" in greeting.text
    assert "kettles" in greeting.text
