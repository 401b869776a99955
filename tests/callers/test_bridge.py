"""What all bridges share: who is known by whom, keys that are missing, marks and their echoes."""

from __future__ import annotations

from base64 import b64encode

import pytest
from starlette.requests import HTTPConnection, Request
from starlette.types import Message

from audio.format import Format
from gateway.call.effects import Play
from gateway.call.events import CallerJoined, CallerPlayed
from gateway.callers.bridge import BridgeSection, body_of, forbidden, merged, need, shows
from gateway.callers.marks import Marks
from gateway.errors import SettingsError
from gateway.private import Private


class Section(BridgeSection):
    key: str = ""
    other: str = "set"


def test_a_ticket_knows_better_than_the_call_itself() -> None:
    said = CallerJoined("+1", reports_playback=True, called="+2", metadata={"a": "1", "b": "2"})
    known = CallerJoined("+3", metadata={"b": "3"})
    assert merged(said, known) == CallerJoined(
        "+3", reports_playback=True, called="+2", metadata={"a": "1", "b": "3"}
    )


def test_a_ticket_is_not_handed_on() -> None:
    said = CallerJoined(metadata={"ticket": "secret", "a": "1"})
    assert merged(said, CallerJoined()).metadata == {"a": "1"}


def test_a_key_that_a_bridge_needs_is_named_with_where_to_set_it() -> None:
    with pytest.raises(SettingsError, match="TRUNKLINE_BRIDGES__ACME__KEY"):
        need(Section(enabled=True), "acme", "other", "key")
    need(Section(enabled=True), "acme", "other")


def test_who_is_turned_away_learns_why_and_so_does_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = forbidden("acme", "Expected a signature.")
    assert (answer.status_code, bytes(answer.body)) == (403, b"Forbidden: Expected a signature.\n")
    assert caplog.records[0].__dict__["why"] == "Expected a signature."


async def test_a_body_is_read_as_far_as_is_sensible() -> None:
    def request(*pieces: bytes) -> Request:
        left = list(pieces)

        async def receive() -> Message:
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

        return Request({"type": "http", "method": "POST"}, receive)

    assert await body_of(request(b"ab", b"c"), 3) == b"abc"
    assert await body_of(request(b"ab", b"cd"), 3) is None


PLAY = Play("a", b"\0" * 160, 800, 2)
FORMAT = Format("pcmu", 8_000)


def test_a_mark_says_what_stands_before_it_once() -> None:
    marks = Marks()
    name = marks.after(PLAY, 160)
    assert marks.echoed(name) == CallerPlayed("a", 960, 2)
    assert marks.echoed(name) is None
    assert marks.echoed("utt-7") is None


def test_a_mark_stands_before_what_nothing_is_played_ahead_of() -> None:
    marks = Marks()
    written = marks.among([PLAY, PLAY], FORMAT, lambda _: ("sound",), str)
    assert [one == "sound" for one in written] == [False, True, False, True, False]
    heard = [marks.echoed(str(name)) for name in written if name != "sound"]
    assert heard == [CallerPlayed("a", at, 2) for at in (800, 960, 960)]


def test_marks_of_before_a_flush_prove_nothing() -> None:
    marks = Marks()
    names = [marks.after(PLAY, samples) for samples in (1, 2, 3)]
    marks.flushed(3)
    assert [marks.echoed(name) for name in names] == [None] * 3
    assert not len(marks)


def test_marks_that_never_come_back_are_bounded() -> None:
    marks = Marks(limit=2)
    names = [marks.after(PLAY, samples) for samples in (1, 2, 3)]
    assert len(marks) == 2
    assert marks.echoed(names[0]) is None
    assert marks.echoed(names[2]) == CallerPlayed("a", 803, 2)


@pytest.mark.parametrize(
    ("authorization", "fits"),
    [
        (b"Basic " + b64encode(b"ann:s3:cret"), True),
        (b"basic  " + b64encode(b"ann:s3:cret"), True),
        (b"Bearer " + b64encode(b"ann:s3:cret"), False),
        (b"Basic " + b64encode(b"ann:guess"), False),
        (b"Basic s3:cret", False),
        ("Basic \u00e9".encode("latin-1"), False),
        (b"", False),
    ],
    ids=["as it is", "in small letters", "bearer", "wrong", "no base64", "no ASCII", "nothing"],
)
def test_a_name_and_a_password_are_shown_as_http_has_it(authorization: bytes, fits: bool) -> None:
    scope = {"type": "http", "headers": [(b"authorization", authorization)]}
    assert shows(HTTPConnection(scope), "ann", Private("s3:cret")) == fits
