"""Golden messages of Vonage's WebSocket endpoints, as its documentation has them."""

from __future__ import annotations

from gateway.call.effects import Flush, Play, ShowState
from gateway.call.events import CallerAudio, CallerDigit, CallerJoined
from gateway.callers.vonage_socket import VonageDialect
from tests.callers.conformance.case import Case
from tests.callers.peers.vonage import Stream

CASE = Case(
    dialect=lambda: VonageDialect(16_000),
    provider=lambda: Stream({"tenant": "acme", "caller": "15550101"}),
    joined=CallerJoined(reports_playback=True, metadata={"tenant": "acme", "caller": "15550101"}),
    heard=[
        (b"\x01\x02" * 320, [CallerAudio(b"\x01\x02" * 320)]),
        (b"\x01\x02\x03", [CallerAudio(b"\x01\x02")]),
        ('{"event":"websocket:dtmf","digit":"5","duration":260}', [CallerDigit("5")]),
        ('{"event":"websocket:dtmf","dtmf":{"digit":"*"}}', [CallerDigit("*")]),
        ('{"event":"websocket:cleared"}', []),
        ('{"event":"websocket:notify","payload":{"id":"utt-7"}}', []),
    ],
    told=[
        (
            Play("item_1", b"\x01\x02" * 330, 80, 0),
            [
                '{"action":"notify","payload":{"id":"0.1"}}',
                b"\x01\x02" * 320,
                b"\x01\x02" * 10 + b"\0\0" * 310,
                '{"action":"notify","payload":{"id":"0.2"}}',
            ],
        ),
        (Flush(1), ['{"action":"clear"}']),
        (ShowState("listening"), []),
    ],
    ignored=[
        '{"event":"websocket:something-new"}',
        '{"event":"websocket:cleared"}',
        '{"event":"websocket:dtmf","digit":"flash"}',
        '{"event":"websocket:notify","payload":{"foo":"bar"}}',
    ],
    garbage=[
        "",
        "nonsense",
        "[]",
        "{}",
        '{"event":7}',
        '{"event":"websocket:notify"}',
        '{"event":"websocket:notify","payload":7}',
        '{"event":"websocket:dtmf","digit":5}',
    ],
)
