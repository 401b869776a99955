"""Golden messages of Plivo's audio streaming, as its documentation has them."""

from __future__ import annotations

from audio.format import pcm16
from gateway.call.effects import Flush, Play, ShowState
from gateway.call.events import CallerAudio, CallerDigit, CallerJoined
from gateway.callers.plivo_stream import PlivoDialect
from tests.callers.conformance.case import Case
from tests.callers.peers.plivo import Stream

CASE = Case(
    dialect=lambda: PlivoDialect(pcm16(16_000)),
    provider=lambda: Stream("tenant=acme;ticket=k3y", "audio/x-l16;rate=16000"),
    joined=CallerJoined(
        reports_playback=True,
        metadata={"tenant": "acme", "ticket": "k3y", "call_uuid": "c-1", "account_id": "MA1"},
    ),
    heard=[
        (
            '{"event":"media","sequenceNumber":2,"streamId":"s-1","media":{"track":"inbound",'
            '"timestamp":"1705312200000","chunk":1,"payload":"AQIDBA=="},"extra_headers":"a=1"}',
            [CallerAudio(b"\x01\x02\x03\x04")],
        ),
        (
            '{"event":"media","sequenceNumber":"3","streamId":"s-1","media":{"track":"outbound",'
            '"timestamp":"1705312200000","chunk":"1","payload":"AQIDBA=="}}',
            [],
        ),
        (
            '{"event":"dtmf","sequenceNumber":7,"streamId":"s-1",'
            '"dtmf":{"track":"inbound","digit":"4","timestamp":"1705312205000"}}',
            [CallerDigit("4")],
        ),
        ('{"event":"playedStream","sequenceNumber":"8","streamId":"s-1","name":"utt-7"}', []),
        ('{"event":"clearedAudio","sequenceNumber":9,"streamId":"s-1"}', []),
    ],
    told=[
        (
            Play("item_1", b"\x01\x02\x03\x04", 80, 0),
            [
                '{"event":"checkpoint","streamId":"s-1","name":"0.1"}',
                '{"event":"playAudio","media":{"contentType":"audio/x-l16","sampleRate":16000,'
                '"payload":"AQIDBA=="}}',
                '{"event":"checkpoint","streamId":"s-1","name":"0.2"}',
            ],
        ),
        (Flush(1), ['{"event":"clearAudio","streamId":"s-1"}']),
        (ShowState("listening"), []),
    ],
    ignored=[
        '{"event":"something-new","sequenceNumber":4,"streamId":"s-1"}',
        '{"event":"dtmf","dtmf":{"digit":"flash"}}',
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
        '{"event":"playedStream"}',
        '{"event":"playedStream","name":["a"]}',
        '{"event":"dtmf"}',
        '{"event":"start","start":{"streamId":"s-2"}}',
    ],
)
