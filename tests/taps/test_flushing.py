"""What a gateway that is killed leaves of its live calls: all but the last second."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.background import beside
from gateway.call import events as on
from gateway.call.effects import ShowWords
from gateway.call.machine import Call
from gateway.replay import Replay
from gateway.store.writes import Write
from gateway.taps.books import Books, Heading
from gateway.taps.flushing import AT_ONCE, PERIOD, STEPS, Flusher
from gateway.taps.journal import Journal
from gateway.taps.transcripts import CRASHED, Transcripts, mend
from tests.call.story import Story

PLAN = Story().plan


def words(text: str, item: str = "item_a", *, final: bool = False, at: int = 0) -> ShowWords:
    return ShowWords(item, "assistant", text, at, final)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "call.transcript.jsonl"


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.virtual_clock
async def test_files_of_live_calls_are_written_out_each_period(tmp_path: Path) -> None:
    path, flusher = tmp_path / "call.jsonl", Flusher()
    journal = flusher.add(Journal(path, PLAN))
    flushing = asyncio.create_task(flusher.run())
    journal.event(on.CallerText("hello"), 0)
    assert b"hello" not in path.read_bytes()
    await asyncio.sleep(PERIOD + 0.01)
    assert b"hello" in path.read_bytes()
    journal.close()
    await asyncio.sleep(PERIOD)
    assert flusher.add(journal).flush() is False
    flushing.cancel()


class File:
    """Counts how often it is written out."""

    def __init__(self) -> None:
        self.times = 0
        self.lives = True

    def flush(self) -> bool:
        self.times += 1
        return self.lives


@pytest.mark.virtual_clock
async def test_calls_are_written_out_in_turns_and_each_once_in_the_time() -> None:
    flusher = Flusher()
    files = [flusher.add(File()) for _ in range(40)]
    async with beside(flusher.run(), "flusher"):
        written = [0]
        await asyncio.sleep(PERIOD / STEPS / 2)
        for _ in range(2 * STEPS):
            await asyncio.sleep(PERIOD / STEPS)
            written.append(sum(file.times for file in files))
    assert max(later - before for before, later in pairwise(written)) == AT_ONCE
    assert {file.times for file in files} == {2}


@pytest.mark.virtual_clock
@pytest.mark.parametrize("files", [1, 2, 3, 7, 24, 26, 60])
async def test_each_is_written_out_each_period_however_many_there_are(files: int) -> None:
    flusher = Flusher()
    held = [flusher.add(File()) for _ in range(files)]
    async with beside(flusher.run(), "flusher"):
        for times in range(1, 8):
            await asyncio.sleep(PERIOD if times > 1 else PERIOD + 0.001)
            assert all(file.times >= times for file in held)


@pytest.mark.virtual_clock
async def test_calls_may_end_all_at_once() -> None:
    flusher = Flusher()
    files = [flusher.add(File()) for _ in range(90)]
    async with beside(flusher.run(), "flusher"):
        await asyncio.sleep(1.5 * PERIOD)
        for file in files[1:]:
            file.lives = False
        await asyncio.sleep(3 * PERIOD)
        written = files[0].times
        await asyncio.sleep(2 * PERIOD)
        assert files[0].times == written + 2


def test_a_journal_holds_back_no_more_than_a_page_or_so(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    journal = Journal(path, PLAN)
    for number in range(1000):
        journal.event(on.CallerText("x" * 50), number)
    written = path.read_bytes()
    assert len(written) > 80_000
    assert written.endswith(b"\n")
    journal.close()


def test_a_journal_that_breaks_off_replays_as_far_as_it_goes(tmp_path: Path) -> None:
    path, call = tmp_path / "call.jsonl", Call(PLAN)
    journal = Journal(path, PLAN)
    for now, event in enumerate(_turn(), start=1):
        journal.event(event, now * 20_000)
        for effect in call.handle(event, now * 20_000):
            journal.effect(effect, now * 20_000)
    journal.flush()  # and then the gateway is killed
    whole = path.read_bytes()
    journal.close()
    for cut in range(1, 400, 7):
        path.write_bytes(whole[:-cut])
        replay = Replay(path)
        assert [one for one in replay.differences() if "after" not in one] == []
        assert replay.torn == (whole[-cut - 1] != ord("\n"))


def _turn() -> Iterator[on.Event]:
    yield on.CallerJoined()
    yield on.AssistantReady("s", "m")
    for number in range(60):
        yield on.CallerAudio(bytes(960), voiced=number < 30)


def test_a_transcript_grows_beside_and_is_put_in_order_at_the_end(path: Path) -> None:
    tap = Transcripts(path, PLAN)
    tap.effect(words("It has", at=9_000), 0)
    tap.flush()
    tap.effect(words("It has been shipped.", final=True, at=9_000), 0)
    tap.effect(ShowWords("item_u", "caller", "Where is it?", 1_000, final=True), 0)
    tap.flush()
    part = path.with_name(path.name + ".part")
    assert [line.get("assistant") for line in lines(part)] == [
        *(None, "It has", "It has been shipped.", None)
    ]
    tap.close()
    assert [line.get("at_ms") for line in lines(path)] == [None, 1, 9]
    assert not part.exists()
    assert tap.flush() is False


def test_a_transcript_that_was_left_open_is_put_in_order_at_the_next_start(
    path: Path, tmp_path: Path
) -> None:
    part = path.with_name(path.name + ".part")
    left = [
        {"call": "call_1", "ended": ""},
        {"item": "b", "at_ms": 9, "assistant": "It", "cut": False},
        {"item": "a", "at_ms": 1, "caller": "Where is it?", "cut": False},
        {"item": "b", "at_ms": 9, "assistant": "It has", "cut": False},
    ]
    whole = "".join(json.dumps(line) + "\n" for line in left)
    part.write_text(whole + '{"item": "c", "assis')
    assert mend(tmp_path) == 1
    assert lines(path) == [
        {"call": "call_1", "ended": CRASHED},
        {"at_ms": 1, "caller": "Where is it?", "cut": False},
        {"at_ms": 9, "assistant": "It has", "cut": False},
    ]
    assert mend(tmp_path) == 0


def test_the_transcript_of_a_call_that_goes_on_is_left_alone(path: Path, tmp_path: Path) -> None:
    tap = Transcripts(path, PLAN)  # another gateway's, in the same folder
    assert mend(tmp_path) == 0
    tap.close()
    assert lines(path)[0]["ended"] == ""


def test_the_books_hold_how_far_a_sentence_has_come() -> None:
    written: list[Write] = []
    books = Books(written.append, PLAN, Heading())
    books.effect(words("It has"), 0)
    assert not [one for one in written if one.table == "turns"]
    books.flush()
    books.flush()
    (turn,) = [one.values for one in written if one.table == "turns"]
    assert turn["heard"] == "It has"
    books.close()
    assert books.flush() is False
