"""Golden messages of chan_websocket in its JSON form, as Asterisk 22.10 sent and took them."""

from __future__ import annotations

from gateway.call.effects import Flush, Play, ShowState, Transfer
from gateway.call.events import CallerAudio, CallerDigit, CallerJoined
from gateway.callers.chan_websocket_wire import ChanWebSocketDialect
from tests.callers.conformance.case import Case
from tests.callers.peers.chan_websocket import Stream

FRAME = b"\x01\x02" * 320

CASE = Case(
    dialect=lambda: ChanWebSocketDialect({"from": "+15550100", "ticket": "k3y"}),
    provider=lambda: Stream({"__tenant": "acme", "MEDIA_WEBSOCKET_CONNECTION_ID": "gw"}),
    joined=CallerJoined(
        address="+15550100",
        reports_playback=True,
        metadata={
            "tenant": "acme",
            "ticket": "k3y",
            "channel": "WebSocket/gw/0x7f",
            "channel_id": "1795.35",
        },
    ),
    heard=[
        (FRAME, [CallerAudio(FRAME)]),
        (b"\x01\x02\x03", [CallerAudio(b"\x01\x02")]),
        ('{"event":"DTMF_END","channel_id":"1795.35","digit":"7"}', [CallerDigit("7")]),
        ('{"event":"MEDIA_MARK_PROCESSED","channel_id":"1795.35","correlation_id":"m1"}', []),
    ],
    told=[
        (
            Play("item_1", FRAME * 11, 320, 0),
            [
                '{"command":"MARK_MEDIA","correlation_id":"0.1"}',
                FRAME * 10,
                '{"command":"MARK_MEDIA","correlation_id":"0.2"}',
                FRAME,
                '{"command":"MARK_MEDIA","correlation_id":"0.3"}',
            ],
        ),
        (
            Play("item_1", b"\x01\x02", 3840, 0),
            [b"\x01\x02" + bytes(638), '{"command":"MARK_MEDIA","correlation_id":"0.4"}'],
        ),
        (
            Play("item_2", b"\x01\x02", 0, 0),
            [bytes(638) + b"\x01\x02", '{"command":"MARK_MEDIA","correlation_id":"0.5"}'],
        ),
        (Flush(1), ['{"command":"FLUSH_MEDIA"}']),
        (Transfer("1234"), []),
        (ShowState("listening"), []),
    ],
    ignored=[
        '{"event":"SOMETHING_NEW","channel_id":"1795.35","more":{"a":[1]}}',
        '{"event":"QUEUE_DRAINED","channel_id":"1795.35"}',
        '{"event":"MEDIA_BUFFERING_COMPLETED","channel_id":"1795.35","correlation_id":"b"}',
        '{"event":"STATUS","channel_id":"1795.35","queue_length":101,"xon_level":800,'
        '"xoff_level":900,"queue_full":false,"bulk_media":false,"media_paused":false}',
        '{"event":"DTMF_END","channel_id":"1795.35","digit":"!"}',
        '{"event":"ERROR","channel_id":"1795.35","error_text":"Unable to parse JSON command"}',
        "QUEUE_DRAINED",
        b"\x01",
    ],
    garbage=[
        "",
        "nonsense",
        "[]",
        '{"event":7}',
        '{"no":"event"}',
        '{"event":"DTMF_END"}',
        '{"event":"DTMF_END","digit":12}',
        '{"event":"MEDIA_MARK_PROCESSED","correlation_id":["a"]}',
        '{"event":"MEDIA_START","format":"slin16","optimal_frame_size":640}',
        "\ud800",
    ],
    keys="0123456789*#ABCD",
)
