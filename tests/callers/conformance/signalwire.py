"""Golden messages of SignalWire's streams: Twilio's, with L16 at 24 kHz."""

from __future__ import annotations

from gateway.call.effects import Flush, Play
from gateway.call.events import CallerAudio, CallerDigit, CallerJoined
from gateway.callers.twiml_messages import StreamDialect
from tests.callers.conformance.case import Case
from tests.callers.conformance.twilio import CASE as TWILIO
from tests.callers.peers.signalwire import Codec

CASE = Case(
    dialect=StreamDialect,
    provider=lambda: Codec("L16@24000h", {"ticket": "k3y"}),
    joined=CallerJoined(
        reports_playback=True,
        metadata={"ticket": "k3y", "call_sid": "CA01", "account_sid": "AC01"},
    ),
    heard=[
        (
            '{"event":"media","sequenceNumber":"2","streamSid":"MZ01","media":{"track":"inbound",'
            '"chunk":"1","timestamp":"20","payload":"AQACAA=="}}',
            [CallerAudio(b"\1\0\2\0")],
        ),
        (
            '{"event":"dtmf","sequenceNumber":"9","streamSid":"MZ01",'
            '"dtmf":{"track":"inbound_track","digit":"#"}}',
            [CallerDigit("#")],
        ),
    ],
    told=[
        (
            Play("item_1", b"\1\0\2\0", 0, 3),
            [
                '{"event":"mark","streamSid":"MZ01","mark":{"name":"3.1"}}',
                '{"event":"media","streamSid":"MZ01","media":{"payload":"AQACAA=="}}',
                '{"event":"mark","streamSid":"MZ01","mark":{"name":"3.2"}}',
            ],
        ),
        (Flush(4), ['{"event":"clear","streamSid":"MZ01"}']),
    ],
    ignored=TWILIO.ignored,
    garbage=[
        *TWILIO.garbage,
        # half a sample
        '{"event":"media","media":{"track":"inbound","payload":"AQAC"}}',
    ],
)
