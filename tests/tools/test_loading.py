"""Tools are found in files and modules, and a file that breaks says where."""

from __future__ import annotations

import pytest

from tools import Toolbox, ToolDefinitionError, ToolLoadError, builtin

GOOD = '''
from __future__ import annotations
from tools import tool

class Kind(str): ...

@tool
def one(x: int) -> int:
    """One."""
    return x

def make_tools(cleanup):
    def two() -> str:
        """Two."""
        return "2"
    cleanup.callback(closed.append, True)
    return [tool(two)]

closed = []
'''


def test_a_file_gives_its_tools_and_closes_what_they_share(tmp_path):
    path = tmp_path / "desk.py"
    path.write_text(GOOD)
    with Toolbox.load(path, tools=builtin.TOOLS) as toolbox:
        assert [item.name for item in toolbox.tools] == ["current_time", "hang_up", "one", "two"]
        closed = toolbox.tools[2].function.__globals__["closed"]
        assert closed == []
    assert closed == [True]


def test_a_module_is_loaded_by_name_or_as_it_is():
    by_name = Toolbox.load("tools.builtin")
    assert by_name.specs == Toolbox.load(builtin).specs
    assert {spec.name for spec in by_name.specs} == {"current_time", "hang_up"}


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("x = 1\ny = (", r"desk\.py, line 2: SyntaxError: '\(' was never closed"),
        ("\nimport no_such_thing", r"desk\.py, line 2: ModuleNotFoundError: No module named"),
        ("def f():\n    1 / 0\nf()", r"desk\.py, line 2: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit('bye')", r"desk\.py, line 2: SystemExit: bye"),
        (
            "from tools import tool\n@tool\ndef f(x):\n  'F.'",
            r"line 2: ToolDefinitionError: tool f",
        ),
        ("def make_tools(cleanup):\n    raise OSError('gone')", r"line 2: OSError: gone"),
        ("def make_tools(cleanup): return [1]", "gave int, expected tools"),
        ("x = 1", "no tools in .*decorate a function with @tool"),
    ],
)
def test_a_file_that_cannot_be_loaded_says_file_line_and_reason(tmp_path, code, says):
    path = tmp_path / "desk.py"
    path.write_text(code)
    with pytest.raises(ToolLoadError, match=says):
        Toolbox.load(path)


def test_sources_that_are_none_say_what_they_are(tmp_path):
    with pytest.raises(ToolLoadError, match="there is no such file"):
        Toolbox.load(tmp_path / "none.py")
    with pytest.raises(ToolLoadError, match="it is a folder"):
        Toolbox.load(tmp_path)
    with pytest.raises(ToolLoadError, match="No module named 'no_such_module'"):
        Toolbox.load("no_such_module")
    with pytest.raises(ToolLoadError, match="neither a Python file"):
        Toolbox.load("no such thing")


def test_what_was_opened_is_closed_when_a_later_source_fails(tmp_path):
    log = tmp_path / "closed"
    (tmp_path / "desk.py").write_text(
        GOOD.replace("closed.append, True", f"open({str(log)!r}, 'x').close")
    )
    with pytest.raises(ToolLoadError):
        Toolbox.load(tmp_path / "desk.py", tmp_path / "none.py")
    assert log.exists()


def test_names_used_in_two_sources_are_refused(tmp_path):
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(GOOD)
    with pytest.raises(ToolDefinitionError, match="two tools are called one"):
        Toolbox.load(tmp_path / "a.py", tmp_path / "b.py")
