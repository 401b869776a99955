"""How long a session may last: what is documented, or less where its server says so."""

from __future__ import annotations

import json

import pytest

from audio.format import pcm16
from gateway.assistants.openai import AssistantLeg, endpoint
from gateway.assistants.realtime import Realtime
from gateway.assistants.target import Target
from gateway.call import events as on
from gateway.call.events import Event

NOW = 1_800_000_000
MINUTE = 60_000_000


def opened(target: Target, expires_at: object) -> on.AssistantReady:
    """What a leg feeds when a session with that expiry is created."""
    leg = AssistantLeg(target, endpoint(target), pcm16(24_000), wall=lambda: float(NOW))
    assert isinstance(leg.dialect, Realtime)
    fed: list[Event] = []
    session = {"type": "realtime", "id": "s", "model": "m", "expires_at": expires_at}
    leg._feed = fed.append
    leg.take(json.dumps({"type": "session.created", "session": session}))
    (ready,) = fed
    assert isinstance(ready, on.AssistantReady)
    return ready


@pytest.mark.parametrize(
    ("expires_at", "minutes"),
    [(NOW + 1800, 30), (NOW + 7200, 60), (NOW + 5, 60), (NOW - 900, 60), (0, 60), ("soon", 60)],
)
def test_an_expiry_that_can_be_believed_shortens_a_session(
    expires_at: object, minutes: int
) -> None:
    target = Target(kind="embedded", base_url="http://model.test/v1")
    assert opened(target, expires_at).limit == minutes * MINUTE


def test_a_provider_that_does_not_mean_it_so_is_not_believed() -> None:
    target = Target(kind="compatible", provider="ga", model="m", base_url="http://model.test/v1")
    assert opened(target, NOW + 1800).limit == 0
