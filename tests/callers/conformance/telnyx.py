"""Golden messages of Telnyx' media streaming, as its AsyncAPI description has them."""

from __future__ import annotations

from audio.format import Format
from gateway.call.effects import Flush, Play, ShowState
from gateway.call.events import CallerAudio, CallerDigit, CallerJoined
from gateway.callers.telnyx_stream import TelnyxDialect
from tests.callers.conformance.case import Case
from tests.callers.peers.telnyx import Stream

CASE = Case(
    dialect=lambda: TelnyxDialect(Format("pcmu", 8_000)),
    provider=lambda: Stream({"tenant": "acme", "ticket": "k3y"}),
    joined=CallerJoined(
        address="+15550100",
        reports_playback=True,
        called="+15550101",
        metadata={
            "tenant": "acme",
            "ticket": "k3y",
            "call_control_id": "v3:abc",
            "call_session_id": "s1",
        },
    ),
    heard=[
        (
            '{"event":"media","sequence_number":"4","stream_id":"5A1E","media":{"track":"inbound",'
            '"chunk":"1","timestamp":"5","payload":"//79/A=="}}',
            [CallerAudio(b"\xff\xfe\xfd\xfc")],
        ),
        (
            '{"event":"media","sequence_number":"6","stream_id":"5A1E","media":{"track":"inbound",'
            '"chunk":"3","timestamp":"45","payload":"AwM="}}',
            [],
        ),
        (
            '{"event":"media","sequence_number":"5","stream_id":"5A1E","media":{"track":"inbound",'
            '"chunk":"2","timestamp":"25","payload":"AgI="}}',
            [CallerAudio(b"\x02\x02"), CallerAudio(b"\x03\x03")],
        ),
        (
            '{"event":"dtmf","sequence_number":"7","stream_id":"5A1E",'
            '"occurred_at":"2026-01-01T00:00:00Z","dtmf":{"digit":"1"}}',
            [CallerDigit("1")],
        ),
        ('{"event":"mark","sequence_number":"8","stream_id":"5A1E","mark":{"name":"utt-7"}}', []),
    ],
    told=[
        (
            Play("item_1", b"\x00\x01\x02\x03" * 40, 80, 0),
            [
                '{"event":"mark","mark":{"name":"0.1"}}',
                '{"event":"media","media":{"payload":"' + "AAECAwABAgMAAQID" * 13 + 'AAECAw=="}}',
                '{"event":"mark","mark":{"name":"0.2"}}',
            ],
        ),
        (Flush(1), ['{"event":"clear"}']),
        (ShowState("listening"), []),
    ],
    ignored=[
        '{"event":"connected","version":"1.0.0"}',
        '{"event":"something-new","sequence_number":"4","stream_id":"5A1E"}',
        '{"event":"error","sequence_number":"7","stream_id":"5A1E",'
        '"error":{"code":"100003","title":"malformed_frame","detail":"x"}}',
    ],
    garbage=[
        b"\xff" * 160,
        "",
        "nonsense",
        "[]",
        '{"event":7}',
        '{"event":"media"}',
        '{"event":"media","media":{"payload":"not base64!"}}',
        '{"event":"media","media":{"payload":"//8=","chunk":"-1"}}',
        '{"event":"media","media":{"payload":"//8=","chunk":1.5}}',
        '{"event":"mark","mark":{"name":["a"]}}',
        '{"event":"dtmf"}',
        '{"event":"start","start":{}}',
    ],
)
