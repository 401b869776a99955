"""The ways in that the bench calls by: what is said on the wire, and what a gateway needs for it.

A new one is a line of `gateway.load`, an entry here, and a floor that carries the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from audio.format import Format, pcm16
from gateway.call.plan import Plan
from gateway.callers.realtime.configuration import Configuration, Offer
from gateway.load.lines.realtime import UPDATE
from gateway.load.lines.ways import Protocol
from tests.bench.wire.script import ULAW


@dataclass(frozen=True, slots=True)
class Way:
    """A way in."""

    protocol: Protocol  # as `trunkline load` knows it
    url: str  # with {port} of HTTP, or {own} of a listener of its own
    form: Format  # of what callers say and hear
    plan: Callable[[], Plan]  # of their calls, as far as the gate is concerned
    told: str  # for the page: what callers do


def _told_by_client() -> Plan:
    """What a client of the Realtime API makes of a call."""
    asked = Configuration(Offer(Plan(), "bench"), "sess")
    asked.update(msgspec.json.decode(UPDATE)["session"], spoke=False)
    asked.fix_format()
    return asked.plan


WAYS = {
    "twilio": Way(
        "twilio",
        "ws://127.0.0.1:{port}/twilio/media",
        ULAW,
        lambda: Plan(rate=ULAW.rate, encoding="pcmu"),
        "Twilio's Media Streams: 20 ms of mu-law in JSON over a WebSocket",
    ),
    "audiosocket": Way(
        "audiosocket",
        "tcp://127.0.0.1:{own}",
        pcm16(8_000),
        lambda: Plan(rate=8_000),
        "Asterisk's AudioSocket: 20 ms of PCM16 at 8 kHz over TCP, both ways all the time",
    ),
    "realtime": Way(
        "realtime",
        "ws://127.0.0.1:{port}/v1/realtime",
        pcm16(24_000),
        _told_by_client,
        "the Realtime API: 20 ms of PCM16 at 24 kHz in JSON over a WebSocket",
    ),
}
