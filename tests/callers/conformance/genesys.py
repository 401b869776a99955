"""Golden messages of Genesys Cloud's Audio Connector, as AudioHook's reference has them."""

from __future__ import annotations

from typing import Any

from gateway.call.effects import Flush, Play, ShowState, Transfer
from gateway.call.events import CallerAudio, CallerDigit, CallerJoined
from gateway.callers.genesys_audiohook import AudioHookDialect
from tests.callers.conformance.case import Case
from tests.callers.peers.genesys import SESSION, Session


def client(kind: str, seq: int, parameters: str = "{}", **other: Any) -> str:
    known = {"version": '"2"', "id": f'"{SESSION}"', "position": '"PT1.2S"', "serverseq": "1"}
    fields = {**known, "type": f'"{kind}"', "seq": str(seq), "parameters": parameters, **other}
    return "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"


def server(kind: str, seq: int, seen: int, parameters: str) -> str:
    return (
        f'{{"version":"2","id":"{SESSION}","type":"{kind}","seq":{seq},"clientseq":{seen},'
        f'"parameters":{parameters}}}'
    )


CASE = Case(
    dialect=lambda: AudioHookDialect(SESSION, variable="TransferTarget"),
    provider=lambda: Session({"tenant": "acme"}),
    joined=CallerJoined(
        address="+15550100",
        reports_playback=True,
        called="+15550101",
        metadata={
            "tenant": "acme",
            "conversation_id": "aaa05b81-4a8e-4c0f-a2f5-58a5a523c800",
            "organization_id": "1e5bcf1e-420b-47eb-a667-e0666da501f7",
            "participant_id": "c2c71735-2559-4a5c-8948-d9cbbb5d4f7e",
            "caller_name": "John Doe",
            "language": "en-US",
        },
    ),
    heard=[
        (b"\x12\x34" * 800, [CallerAudio(b"\x12\x34" * 800)]),
        (client("dtmf", 2, '{"digit":"5"}'), [CallerDigit("5")]),
        (client("playback_started", 3), []),
        (client("playback_completed", 4), []),
        (client("paused", 5), []),
        (client("resumed", 6, '{"start":"PT1.2S","discarded":"PT0.4S"}'), []),
        (client("discarded", 7, '{"start":"PT1.6S","discarded":"PT0.4S"}'), []),
        (client("update", 8, '{"language":"de-DE"}'), []),
        (client("error", 9, '{"code":429,"message":"slow","retryAfter":"PT3S"}'), []),
    ],
    told=[
        (Play("item_1", b"\x12\x34" * 800, 80, 0), [b"\x12\x34" * 800]),
        (Flush(1), [server("event", 2, 1, '{"entities":[{"type":"barge_in","data":{}}]}')]),
        (ShowState("listening"), []),
        (
            Transfer("sales"),
            [
                server(
                    "disconnect",
                    3,
                    1,
                    '{"reason":"completed","outputVariables":{"TransferTarget":"sales"}}',
                )
            ],
        ),
        (Play("item_1", b"\x12\x34" * 800, 80, 0), []),
    ],
    ignored=[client("something_new", 2), client("dtmf", 3, '{"digit":"flash"}')],
    garbage=[
        "",
        "nonsense",
        "[]",
        "{}",
        client("ping", 1),
        client("ping", 3),
        client("ping", 2, serverseq="2"),
        client("ping", 2, serverseq="-1"),
        client("ping", 2, version='"1"'),
        client("ping", 2, id='"another"'),
        client("ping", 2, position='"1.2"'),
        client("ping", 2, position="7"),
        client("dtmf", 2, '{"digit":5}'),
        client("dtmf", 2, "[]"),
        client("close", 2, '{"reason":7}'),
        client("ping", 2, '"' + "x" * 70_000 + '"'),
        b"\xff" * 70_000,
    ],
    marks=False,
    reports=True,
)
