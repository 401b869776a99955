"""AudioHook's state machine: media, counting, what was heard, and the ways to the end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.call.effects import Flush, Play, Transfer
from gateway.call.events import CallerAudio, CallerJoined, CallerLeft, CallerPlayed
from gateway.callers.dialect import Reply
from gateway.callers.genesys_audiohook import AudioHookDialect
from gateway.errors import WireError
from tests.callers.peers.genesys import SESSION, Session

BOTH = {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000}
WIDE = {"type": "audio", "format": "L16", "channels": ["external"], "rate": 8000}


def opened(media: list[Any] | None = None, **more: Any) -> tuple[AudioHookDialect, Session]:
    dialect, session = AudioHookDialect(SESSION, **more), Session()
    (message,) = session.begin()
    if media is not None:
        opening = json.loads(str(message))
        opening["parameters"]["media"] = media
        message = json.dumps(opening)
    replies = [fact for fact in dialect.decode(message) if isinstance(fact, Reply)]
    answer = json.loads(replies[0].said())
    assert answer["type"] == "opened"
    session.take(json.dumps({**answer, "parameters": {"media": []}}))
    return dialect, session


def heard(dialect: AudioHookDialect, session: Session, kind: str, **about: Any) -> list[Any]:
    return list(dialect.decode(session.say(kind, about)))


def test_of_two_channels_the_callers_is_heard() -> None:
    dialect, _ = opened([WIDE, BOTH])
    assert list(dialect.decode(b"\x01\x02" * 200)) == [CallerAudio(b"\x01" * 200)]


@pytest.mark.parametrize("media", [[], [WIDE], [{"type": "audio"}], [{**BOTH, "rate": 16000}]])
def test_media_without_the_caller_in_pcmu_are_declined(media: list[Any]) -> None:
    dialect, session = AudioHookDialect(SESSION), Session()
    opening = json.loads(str(session.begin()[0]))
    opening["parameters"]["media"] = media
    with pytest.raises(WireError, match="PCMU") as broken:
        list(dialect.decode(json.dumps(opening)))
    (farewell,) = dialect.farewell("", broken.value)
    said = json.loads(str(farewell))
    assert (said["type"], said["seq"], said["clientseq"]) == ("disconnect", 1, 1)
    assert said["parameters"]["reason"] == "error"
    assert "PCMU" in said["parameters"]["info"]


def test_messages_are_counted_as_they_are_written() -> None:
    dialect, session = opened()
    (pong,) = heard(dialect, session, "ping")
    heard(dialect, session, "update", language="de-DE")
    (flush,) = dialect.encode(Flush(1))
    assert [json.loads(one)["seq"] for one in (str(flush), pong.said())] == [2, 3]


def test_what_was_heard_is_known_from_where_playing_begins_and_ends() -> None:
    dialect, session = opened()
    for play in (Play("a", b"\1" * 1600, 800, 0), Play("a", b"\1" * 400, 2400, 0)):
        list(dialect.encode(play))
    list(dialect.encode(Play("b", b"\1" * 1600, 0, 0)))
    assert heard(dialect, session, "playback_started") == [CallerPlayed("a", 800, 0)]
    assert heard(dialect, session, "playback_completed") == [
        CallerPlayed("a", 2800, 0),
        CallerPlayed("b", 1600, 0),
    ]
    assert heard(dialect, session, "playback_completed") == []


def test_where_genesys_does_not_say_when_it_plays_the_clock_does() -> None:
    for more in ({"reports": False}, {"mute": True}):
        (_, joined) = AudioHookDialect(SESSION, **more).decode(Session().begin()[0])
        assert isinstance(joined, CallerJoined)
        assert not joined.reports_playback


def test_what_was_taken_back_is_not_heard() -> None:
    dialect, session = opened()
    list(dialect.encode(Play("a", b"\1" * 1600, 0, 0)))
    list(dialect.encode(Flush(1)))
    assert heard(dialect, session, "playback_completed") == []
    list(dialect.encode(Play("b", b"\1" * 1600, 0, 1)))
    assert heard(dialect, session, "playback_started") == [CallerPlayed("b", 0, 1)]


def test_after_our_disconnect_nothing_is_said_but_the_answer_to_the_close() -> None:
    dialect, session = opened()
    (disconnect,) = dialect.encode(Transfer("sales"))
    assert json.loads(str(disconnect))["type"] == "disconnect"
    assert list(dialect.encode(Play("a", b"\1" * 1600, 0, 0))) == []
    assert list(dialect.encode(Transfer("again"))) == []
    assert list(dialect.farewell("done", None)) == []
    assert list(dialect.decode(b"\1" * 1600)) == []
    assert isinstance(heard(dialect, session, "ping")[0], Reply)
    closed, left = heard(dialect, session, "close", reason="disconnect")
    assert json.loads(closed.said())["type"] == "closed"
    assert left == CallerLeft("hung up")
    assert heard(dialect, session, "ping") == []
    assert list(dialect.farewell("done", None)) == []


@pytest.mark.parametrize(("reason", "left"), [("end", "hung up"), ("error", "line broke")])
def test_why_genesys_closes_is_why_the_caller_left(reason: str, left: str) -> None:
    dialect, session = opened()
    assert heard(dialect, session, "close", reason=reason)[-1] == CallerLeft(left)


def test_a_monitor_is_told_nothing_but_the_end() -> None:
    dialect, session = opened(mute=True)
    assert list(dialect.encode(Play("a", b"\1" * 1600, 0, 0))) == []
    assert list(dialect.encode(Flush(1))) == []
    assert list(dialect.encode(Transfer("sales"))) == []
    assert json.loads(str(next(dialect.farewell("done", None))))["parameters"] == {
        "reason": "completed"
    }
    del session


def test_a_probe_is_owed_its_answers_at_once_and_nobody_joins() -> None:
    dialect, session = AudioHookDialect(SESSION), Session(probe=True)
    (reply,) = dialect.decode(session.begin()[0])
    assert isinstance(reply, Reply)
    assert reply.at_once
    session.take(reply.said())
    closed, left = dialect.decode(session.hang_up()[0])
    assert isinstance(closed, Reply)
    assert closed.at_once
    assert not isinstance(left, CallerJoined)


@pytest.mark.parametrize("kind", ["ping", "close", "dtmf", "something_new"])
def test_nothing_comes_before_the_open(kind: str) -> None:
    with pytest.raises(WireError, match="Expected"):
        heard(AudioHookDialect(SESSION), Session(), kind, reason="end", digit="1")
