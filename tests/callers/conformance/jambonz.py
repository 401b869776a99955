"""Golden messages of jambonz' verb listen, as its documentation and the module have them."""

from __future__ import annotations

from gateway.call.effects import Flush, Play, ShowState, Transfer
from gateway.call.events import CallerAudio, CallerDigit, CallerJoined
from gateway.callers.jambonz_listen import ListenDialect
from tests.callers.conformance.case import Case
from tests.callers.peers.jambonz import SID, Stream

CASE = Case(
    dialect=lambda: ListenDialect(8_000),
    provider=lambda: Stream({"tenant": "acme", "ticket": "k3y"}),
    joined=CallerJoined(
        address="+15550100",
        reports_playback=True,
        called="+15550101",
        metadata={
            "tenant": "acme",
            "ticket": "k3y",
            "callSid": SID,
            "direction": "inbound",
            "callId": "4ebb574f-2772-123d-6a91-aaaaaaaaaaaa",
            "accountSid": "66acafce-44c2-417a-a7c0-aaaaaaaaaaaa",
        },
    ),
    heard=[
        (b"\x01\x02" * 160, [CallerAudio(b"\x01\x02" * 160)]),
        (b"\xff\xff\x03", [CallerAudio(b"\xff\xff")]),
        ('{"event":"dtmf","dtmf":"5","duration":1600}', [CallerDigit("5")]),
        ('{"type":"mark","data":{"name":"utt-7","event":"playout"}}', []),
        ('{"type":"playDone","data":{"id":"7"}}', []),
    ],
    told=[
        (
            Play("item_1", b"\x01\x02\xff\xff\x00\xff\xff\x00", 80, 0),
            [
                '{"type":"mark","data":{"name":"0.1"}}',
                b"\x01\x02\x00\x00\x00\xff\xff\x00",
                '{"type":"mark","data":{"name":"0.2"}}',
            ],
        ),
        (Flush(1), ['{"type":"killAudio"}']),
        (Transfer("sales"), ['{"type":"transfer","data":{"target":"sales"}}']),
        (ShowState("listening"), []),
    ],
    ignored=[
        '{"type":"something_new","data":7}',
        '{"event":"something_new"}',
        '{"event":"dtmf","dtmf":"flash","duration":1600}',
    ],
    garbage=[
        "",
        "nonsense",
        "[]",
        "{}",
        '{"event":7}',
        '{"type":"mark","data":7}',
        '{"type":"mark","data":{"name":["a"]}}',
        '{"type":"mark","data":{"name":"a","event":"another"}}',
        '{"event":"dtmf","dtmf":5}',
    ],
    exact=False,  # the sample -1 is the module's own
    late=True,
)
