"""What callers want remembered outlasts the process, and is nobody else's."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest

from tools import Toolbox, ToolContext
from tools.memory import MOST, TOLD, Memory, memory_tools

ANN = ToolContext(caller="+15550100")


@pytest.fixture
def memory(tmp_path):
    kept = Memory(tmp_path / "deep" / "notes.db")
    yield kept
    kept.close()


async def test_a_note_is_there_in_the_next_call_and_after_a_restart(tmp_path):
    for arguments in ('{"topic": "Allergy", "note": "nuts"}', None):
        memory = Memory(tmp_path / "notes.db")
        with Toolbox(memory_tools(memory)) as toolbox:
            if arguments:
                assert not (await toolbox.run("remember", arguments, ANN)).failed
            else:
                (note,) = json.loads((await toolbox.run("recall", "{}", ANN)).output)
                assert (note["topic"], note["note"]) == ("allergy", "nuts")
        memory.close()
    assert (tmp_path / "notes.db").stat().st_mode & 0o077 == 0


async def test_nobody_hears_the_notes_of_another(memory):
    memory.put("+15550199", "code", "0000")
    with Toolbox(memory_tools(memory)) as toolbox:
        result = await toolbox.run("recall", '{"about": "code"}', ANN)
        assert result.output == "There is nothing noted about that."


async def test_notes_for_one_customer_of_the_gateway_are_not_told_at_another(memory):
    with Toolbox(memory_tools(memory)) as toolbox:
        at_one = replace(ANN, tenant="one")
        await toolbox.run("remember", '{"topic": "code", "note": "0000"}', at_one)
        assert "0000" in (await toolbox.run("recall", "{}", at_one)).output
        for other in (ANN, replace(ANN, tenant="two")):
            assert "nothing noted" in (await toolbox.run("recall", "{}", other)).output


@pytest.mark.parametrize("caller", ["", "10.0.0.7", "::1"])
async def test_for_a_caller_whom_nobody_knows_nothing_is_kept(memory, caller):
    with Toolbox(memory_tools(memory)) as toolbox:
        arguments = '{"topic": "a", "note": "b"}'
        result = await toolbox.run("remember", arguments, ToolContext(caller=caller))
        assert "Nobody knows who is calling" in result.output


def test_a_note_on_the_same_matter_takes_the_place_of_the_old_one(memory):
    memory.put("a", "Favourite  seat", "aisle")
    memory.put("a", "favourite seat", "window")
    assert [note.note for note in memory.find("a")] == ["window"]


def test_what_fits_best_comes_first_and_the_newest_where_nothing_is_asked(tmp_path):
    moments = iter(range(100))
    memory = Memory(tmp_path / "notes.db", clock=lambda: next(moments))
    memory.put("a", "seat", "by the window please")
    memory.put("a", "window", "cleaner comes on Monday")
    memory.put("a", "car", "red")
    assert [note.topic for note in memory.find("a")] == ["car", "window", "seat"]
    assert [note.topic for note in memory.find("a", "Window cleaner")] == ["window", "seat"]
    assert memory.find("a", "zebra") == []
    memory.close()


def test_notes_are_bounded(memory):
    for number in range(MOST + 5):
        memory.put("a", f"topic {number}", "x")
    assert len(memory.find("a")) == TOLD
    (count,) = memory._database.execute("select count(*) from notes").fetchone()
    assert count == MOST


def test_many_threads_may_write_at_once(memory):
    def write(number):
        for at in range(20):
            memory.put("a", f"{number} {at}", "x")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    (count,) = memory._database.execute("select count(*) from notes").fetchone()
    assert count == 80
