"""Golden frames of AudioSocket, as Asterisk 22.10 sent them and as its source reads them."""

from __future__ import annotations

from uuid import UUID

from gateway.call.effects import Flush, Play, ShowState, Transfer
from gateway.call.events import CallerAudio, CallerDigit, CallerJoined, CallerLeft
from gateway.callers.audiosocket_wire import AudioSocketDialect
from tests.callers.conformance.case import Case
from tests.callers.peers.audiosocket import WORD, Stream, frame

CASE = Case(
    dialect=AudioSocketDialect,
    provider=Stream,
    joined=CallerJoined(metadata={"ticket": WORD}),
    heard=[
        (b"\x10\x00\x04\x01\x02\x03\x04", [CallerAudio(b"\x01\x02\x03\x04")]),
        (b"\x10\x00\x03\x01\x02\x03", [CallerAudio(b"\x01\x02")]),
        (b"\x03\x00\x01\x37", [CallerDigit("7")]),
        (b"\x00\x00\x00", [CallerLeft("hung up")]),
    ],
    told=[
        (Play("item_1", b"\x01\x02\x03\x04", 80, 0), [b"\x10\x00\x04\x01\x02\x03\x04"]),
        (Play("item_1", b"", 82, 0), []),
        (Flush(1), []),
        (Transfer("1234"), []),
        (ShowState("listening"), []),
    ],
    ignored=[
        b"\x02\x00\x00",
        b"\x04\x00\x02hi",
        b"\x10\x00\x00",
        b"\x10\x00\x01\x07",
        b"\x03\x00\x01!",
        b"\x19\x00\x02\x01\x02",
        b"\xff\x00\x01\x04",
    ],
    garbage=[
        "text",
        b"",
        b"\x10",
        b"\x10\x00\x04\x01\x02",
        b"\x10\x00\x00\x01\x02",
        b"\x03\x00\x00",
        b"\x03\x00\x0212",
        b"\x01\x00\x04\x01\x02\x03\x04",
        frame(0x01, UUID(WORD).bytes),
    ],
    marks=False,
    clears=False,
    keys="0123456789*#ABCD",
)
