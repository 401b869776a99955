"""Taps write down what happened: journals replay, recordings hold what was heard."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from gateway.call import events as on
from gateway.call.effects import Effect, SendAudio
from gateway.call.events import Event
from gateway.call.plan import Plan
from gateway.call.prices import NANO, Prices
from gateway.replay import JournalError, Replay
from gateway.store.writes import Write
from gateway.taps.books import Books, Heading
from gateway.taps.journal import Journal
from gateway.taps.metrics import Metrics
from gateway.taps.recording import Recording
from gateway.taps.transcripts import Transcripts
from tests.call.story import Story

CALL = on.ToolCall("call_1", "look_up", '{"order": "4217"}')


class Tapped(Story):
    """A story with taps on it."""

    def __init__(self, *taps: object, plan: Plan | None = None) -> None:
        self.taps = taps
        super().__init__(plan or Plan())

    def feed(self, event: Event) -> list[Effect]:
        for tap in self.taps:
            tap.event(event, self.now)  # type: ignore[attr-defined]
        effects = super().feed(event)
        for effect in effects:
            for tap in self.taps:
                tap.effect(effect, self.now)  # type: ignore[attr-defined]
        return effects

    def tell(self) -> None:
        """A turn, a tool, an answer, an interruption, another turn, the end."""
        self.says(1000)
        self.feed(on.TurnCommitted("item_u"))
        self.feed(on.CallerWords("item_u", "Where is it?", final=True))
        self.begins()
        self.ends(calls=(CALL,))
        self.wait(200)
        self.feed(on.ToolFinished("call_1", "shipped"))
        self.answers(3000, "It has been shipped and will be there soon.", response="resp_2")
        self.wait(1000)
        self.speaks(400)
        self.silent(400)
        self.wait(1000)
        self.feed(on.CallerLeft("hung up"))
        for tap in self.taps:
            tap.close()  # type: ignore[attr-defined]


def test_a_journal_replays_to_the_same_orders(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    Tapped(Journal(path, Story().plan)).tell()
    replay = Replay(path)
    assert list(replay.differences()) == []
    assert replay.events > 100


def test_a_journal_holds_no_sound(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    Tapped(Journal(path, Story().plan)).tell()
    for line in map(json.loads, path.read_text().splitlines()):
        assert not isinstance(line.get("pcm", 0), str)
    assert path.stat().st_size < 60_000


@pytest.mark.parametrize(
    ("find", "put", "said"),
    [
        ('"voiced":true', '"voiced":false', "it ordered"),
        ('"effect":"Commit"', '"effect":"ClearInput"', "ClearInput"),
    ],
)
def test_a_replay_names_the_line_that_differs(
    tmp_path: Path, find: str, put: str, said: str
) -> None:
    path = tmp_path / "call.jsonl"
    Tapped(Journal(path, Story().plan)).tell()
    path.write_text(path.read_text().replace(find, put, 20))
    differences = list(Replay(path).differences())
    assert differences
    assert any(said in one for one in differences)
    assert all(one.startswith(("line ", "after ")) for one in differences)


@pytest.mark.parametrize("text", ["", "{}", "no json", '{"journal": 1, "plan": {"rat": 1}}', "[1]"])
def test_what_is_no_journal_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "call.jsonl"
    path.write_text(text)
    with pytest.raises(JournalError, match=r"call\.jsonl"):
        list(Replay(path).differences())


def test_a_journal_that_is_not_there_or_no_json_is_told_with_what_to_name(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    with pytest.raises(JournalError, match=r"cannot be read: No such file.*; name a file"):
        list(Replay(path).differences())
    path.write_text('{"journal": 1, "plan": {}}\nspoilt\n')
    with pytest.raises(JournalError, match=r"line 2: no line of a journal.*; name a file"):
        list(Replay(path).differences())


def test_a_recording_holds_the_caller_left_and_what_was_heard_right(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    story = Tapped(Recording(path, Story().plan))
    story.tell()
    sound, rate = soundfile.read(path, dtype="int16")
    assert (rate, sound.shape[1]) == (24_000, 2)
    assert len(sound) == pytest.approx(story.now * 0.024, abs=24_000)
    heard = np.flatnonzero(sound[:, 1])
    # It was interrupted 100 ms into the caller's second turn: 1000 ms of silence before that.
    assert len(heard) == pytest.approx(1.1 * rate, abs=0.02 * rate)
    assert heard[0] == pytest.approx(1.6 * rate, abs=0.02 * rate)


def test_a_transcript_lists_what_was_said_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    Tapped(Transcripts(path, Story().plan)).tell()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0] == {"call": "call", "ended": "hung up"}
    assert [next(k for k in line if k != "at_ms") for line in lines[1:]] == [
        "caller",
        "tool",
        "assistant",
    ]
    assert lines[3]["cut"]
    assert lines[3]["assistant"] == "It has been"


def read(metrics: Metrics) -> dict[str, float]:
    """What the page says."""
    page = metrics.page().decode()
    lines = (line.rsplit(" ", 1) for line in page.splitlines() if line[0] != "#")
    return {name: float(value) for name, value in lines}


def test_metrics_add_up_over_calls() -> None:
    metrics = Metrics()
    for _ in range(2):
        Tapped(metrics.tap(Story().plan)).tell()
    figures = read(metrics)
    assert figures["trunkline_calls_total"] == 2
    assert figures["trunkline_calls_live"] == 0
    assert figures["trunkline_interruptions_total"] == 2
    assert figures['trunkline_tool_calls_total{status="done"}'] == 2
    assert figures["trunkline_voice_to_voice_seconds_count"] == 2
    heard = figures['trunkline_caller_audio_seconds_total{way="heard"}']
    sent = figures['trunkline_caller_audio_seconds_total{way="sent"}']
    assert 0 < sent < heard
    assert read(metrics) == figures, "who looks twice sees the same"


def test_metrics_count_the_same_money_as_the_books() -> None:
    plan = Plan(prices=Prices(transcription=4_500_000))
    metrics, rows = Metrics(), list[Write]()
    tap = metrics.tap(plan)
    assert SendAudio in tap.kinds
    assert SendAudio not in metrics.tap(Plan()).kinds, "which costs nothing"
    Tapped(tap, Books(rows.append, plan, Heading()), plan=plan).tell()
    paid = [row.values["cost_nano"] for row in rows if row.table == "usage"]
    assert sum(paid) > 0
    assert read(metrics)["trunkline_cost_usd_total"] == pytest.approx(sum(paid) / NANO)
