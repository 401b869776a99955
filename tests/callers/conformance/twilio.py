"""Golden messages of Twilio's Media Streams, as its documentation has them."""

from __future__ import annotations

from gateway.call.effects import Flush, Play, ShowState
from gateway.call.events import CallerAudio, CallerDigit, CallerJoined
from gateway.callers.twiml_messages import StreamDialect
from tests.callers.conformance.case import Case
from tests.callers.peers.twilio import Stream

CASE = Case(
    dialect=StreamDialect,
    provider=lambda: Stream({"tenant": "acme", "ticket": "k3y"}),
    joined=CallerJoined(
        reports_playback=True,
        metadata={"tenant": "acme", "ticket": "k3y", "call_sid": "CA01", "account_sid": "AC01"},
    ),
    heard=[
        (
            '{"event":"media","sequenceNumber":"2","streamSid":"MZ01","media":{"track":"inbound",'
            '"chunk":"1","timestamp":"20","payload":"//79/A=="}}',
            [CallerAudio(b"\xff\xfe\xfd\xfc")],
        ),
        (
            '{"event":"media","sequenceNumber":"3","streamSid":"MZ01","media":{"track":"outbound",'
            '"chunk":"1","timestamp":"20","payload":"//79/A=="}}',
            [],
        ),
        (
            '{"event":"dtmf","sequenceNumber":"9","streamSid":"MZ01",'
            '"dtmf":{"track":"inbound_track","digit":"5"}}',
            [CallerDigit("5")],
        ),
        ('{"event":"mark","sequenceNumber":"10","streamSid":"MZ01","mark":{"name":"utt-7"}}', []),
    ],
    told=[
        (
            Play("item_1", b"\xff\xfe\xfd\xfc", 80, 0),
            [
                '{"event":"mark","streamSid":"MZ01","mark":{"name":"0.1"}}',
                '{"event":"media","streamSid":"MZ01","media":{"payload":"//79/A=="}}',
                '{"event":"mark","streamSid":"MZ01","mark":{"name":"0.2"}}',
            ],
        ),
        (
            Play("item_1", b"\xff", 84, 0),
            [
                '{"event":"media","streamSid":"MZ01","media":{"payload":"/w=="}}',
                '{"event":"mark","streamSid":"MZ01","mark":{"name":"0.3"}}',
            ],
        ),
        (Flush(1), ['{"event":"clear","streamSid":"MZ01"}']),
        (ShowState("listening"), []),
    ],
    ignored=[
        '{"event":"connected","protocol":"Call","version":"1.0.0"}',
        '{"event":"something-new","sequenceNumber":"4","streamSid":"MZ01"}',
        '{"event":"dtmf","streamSid":"MZ01","dtmf":{"track":"inbound_track","digit":"flash"}}',
    ],
    garbage=[
        b"\xff" * 160,
        "",
        "nonsense",
        "[]",
        '{"event":7}',
        '{"no":"event"}',
        '{"event":"media"}',
        '{"event":"media","media":{"payload":"not base64!"}}',
        '{"event":"media","media":{"payload":7}}',
        '{"event":"mark","mark":{"name":["a"]}}',
        '{"event":"dtmf"}',
        '{"event":"start","start":{"streamSid":"MZ02"}}',
    ],
)
