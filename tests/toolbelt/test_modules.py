"""Changed tool files are taken into live calls; broken ones keep their old tools and say why."""

from __future__ import annotations

import asyncio
import sys

import pytest

from gateway.toolbelt.modules import ToolModules
from tools import Toolbox, ToolLoadError

ONE = '''
from tools import tool

@tool
def {name}() -> str:
    """Answer."""
    return "{answer}"

def make_tools(cleanup):
    cleanup.callback(closed.append, "{answer}")
    return []

closed = []
'''


@pytest.fixture
def desk(tmp_path):
    path = tmp_path / "desk.py"
    path.write_text(ONE.format(name="first", answer="1"))
    with Toolbox() as toolbox, ToolModules([str(path)], toolbox) as modules:
        modules.load()
        yield path, toolbox, modules


def names(toolbox):
    return [one.spec.name for one in toolbox.tools]


async def test_a_changed_file_gives_its_new_tools_at_once(desk):
    path, toolbox, modules = desk
    told = []
    toolbox.subscribe(lambda: told.append(names(toolbox)))
    path.write_text(ONE.format(name="first", answer="2"))  # of the same size, in the same second
    modules.renew()
    assert (await toolbox.run("first", "{}")).output == "2"
    path.write_text(ONE.format(name="second", answer="3"))
    modules.renew()
    assert names(toolbox) == ["second"]
    assert told == [["first"], ["second"]]
    modules.renew()
    assert len(told) == 2


async def test_a_file_that_no_longer_loads_keeps_its_old_tools_and_says_why(desk, caplog):
    path, toolbox, modules = desk
    path.write_text("def broken(:\n")
    modules.renew()
    modules.renew()
    assert (await toolbox.run("first", "{}")).output == "1"
    (said,) = [one.reason for one in caplog.records if "does not load" in one.message]
    assert f"{path}, line 1: SyntaxError" in said
    path.unlink()
    modules.renew()
    assert names(toolbox) == ["first"]
    path.write_text(ONE.format(name="mended", answer="4"))
    modules.renew()
    assert names(toolbox) == ["mended"]


async def test_what_the_old_module_held_is_let_go_of_and_what_a_broken_one_held_too(desk):
    path, toolbox, modules = desk
    first = toolbox.tools[0].function.__globals__["closed"]
    path.write_text(ONE.format(name="later", answer="22"))
    modules.renew()
    assert first == ["1"]
    second = toolbox.tools[0].function.__globals__["closed"]
    modules.close()
    assert second == ["22"]


async def test_a_name_that_another_source_has_is_refused_and_the_old_tools_stay(desk, caplog):
    path, toolbox, modules = desk
    other = path.with_name("other.py")
    other.write_text(ONE.format(name="taken", answer="9"))
    with ToolModules([str(other)], toolbox) as others:
        others.load()
        path.write_text(ONE.format(name="taken", answer="22"))
        modules.renew()
        assert names(toolbox) == ["first", "taken"]
        assert "two tools are called taken" in caplog.records[-1].reason


async def test_a_module_by_name_is_taken_anew_too(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "trunkline_test_desk.py"
    path.write_text(ONE.format(name="first", answer="1"))
    with Toolbox() as toolbox, ToolModules(["trunkline_test_desk"], toolbox) as modules:
        modules.load()
        path.write_text("1 / 0\n")
        modules.renew()
        assert names(toolbox) == ["first"]
        assert sys.modules["trunkline_test_desk"].first is toolbox.tools[0]
        path.write_text(ONE.format(name="longer_name", answer="2"))
        modules.renew()
        assert names(toolbox) == ["longer_name"]
    sys.modules.pop("trunkline_test_desk")


def test_a_module_that_does_not_load_stops_the_start(tmp_path):
    path = tmp_path / "desk.py"
    path.write_text("import no_such_module_of_anybody\n")
    modules = ToolModules([str(path)], Toolbox())
    with pytest.raises(ToolLoadError, match=r"desk.py, line 1: ModuleNotFoundError"):
        modules.load()


@pytest.mark.virtual_clock
async def test_the_watch_sees_changes_by_itself(desk):
    path, toolbox, modules = desk
    watching = asyncio.create_task(modules.watch())
    changed = asyncio.Event()
    toolbox.subscribe(changed.set)
    path.write_text(ONE.format(name="second", answer="22"))
    async with asyncio.timeout(5):
        await changed.wait()
    watching.cancel()
    assert names(toolbox) == ["second"]
