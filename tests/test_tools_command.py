"""`trunkline tools`: what a model is told of each tool, and one run by hand."""

from __future__ import annotations

import json

import pytest

from gateway import cli

TOOLS = '''
from typing import Annotated
from tools import ToolContext, ToolError, tool

@tool(confirm=True)
def cancel(number: Annotated[int, "Of the order."]) -> dict[str, int]:
    """Cancel an order."""
    if number == 9:
        raise ToolError("There is no order 9.")
    return {"cancelled": number}

@tool
async def whoami(context: ToolContext) -> str:
    """Tell who calls."""
    context.progress("looking")
    return f"{context.caller} {context.metadata.get('plan')} {bool(context.key)}"

@tool
def look(context: ToolContext) -> list[str]:
    """Look."""
    return [f"{one.name} {one.media_type} {len(one.data)}" for one in context.images]
'''


@pytest.fixture
def tools(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.py").write_text(TOOLS)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        status = cli.main(["tools", "--tools", "mine.py", *arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_the_list_names_each_tool_its_source_and_what_it_is_for(tools):
    status, said, _ = tools("list")
    assert status == 0
    rows = [line.split() for line in said.splitlines()]
    assert [row[0] for row in rows] == ["current_time", "hang_up", "cancel", "whoami", "look"]
    assert rows[2][1] == "module"
    assert rows[2][3:] == ["Cancel", "an", "order.", "[after", "consent]"]
    _, said, _ = tools("list", "--json")
    assert json.loads(said)[2]["confirm"] is True


def test_no_model_is_called_so_that_its_key_may_be_missing(tools, monkeypatch):
    monkeypatch.setenv("TRUNKLINE_ASSISTANT__KIND", "openai")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    status, _, errors = tools("list")
    assert (status, errors) == (0, "")


def test_a_schema_is_what_a_model_is_told(tools):
    _, said, _ = tools("schema", "cancel")
    parameters = json.loads(said)["parameters"]
    assert parameters["properties"] == {
        "number": {"description": "Of the order.", "type": "integer"}
    }
    _, said, _ = tools("schema")
    assert len(json.loads(said)) == 5


def test_a_call_prints_what_the_model_would_be_told(tools):
    status, said, errors = tools("call", "cancel", '{"number": 7}')
    assert (status, said) == (0, '{"cancelled":7}\n')
    assert "asks the caller first" in errors
    status, said, errors = tools(
        "call", "whoami", "--caller", "+15550100", "--metadata", "plan=gold"
    )
    assert (status, said) == (0, "+15550100 gold True\n")
    assert "it is at work: looking" in errors
    status, said, errors = tools("call", "hang_up")
    assert "it hangs up: the assistant hung up" in errors


def test_modules_may_be_named_before_and_behind_and_pictures_be_sent(tools, tmp_path):
    (tmp_path / "more.py").write_text(TOOLS.replace("def ", "def more_"))
    status, said, _ = tools("list", "--tools", "more.py")
    assert status == 0
    assert {"cancel", "more_cancel"} <= {line.split()[0] for line in said.splitlines()}
    (tmp_path / "receipt.png").write_bytes(b"pixels")
    _, said, _ = tools("call", "look", "--image", "receipt.png")
    assert said == '["receipt.png image/png 6"]\n'


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["call", "cancel", '{"number": 9}'], 1, "There is no order 9."),
        (["call", "cancel", '{"number": "x"}'], 1, "The arguments do not fit"),
        (["call", "cancel", "{"], 1, "Not valid JSON"),
        (["call", "cancle"], 2, "there is no tool cancle; did you mean cancel?"),
        (["schema", "zebra"], 2, "there are: current_time"),
        (["call", "whoami", "--metadata", "gold"], 2, "expected NAME=VALUE"),
        (["--tools", "gone.py", "list"], 2, "there is no such file"),
        (["call", "look", "--image", "gone.png"], 2, "gone.png: No such file"),
        (["call", "look", "--image", "mine.py"], 2, "expected a picture"),
    ],
)
def test_what_goes_wrong_is_said_and_counts_in_the_status(tools, arguments, status, words):
    got, said, errors = tools(*arguments)
    assert got == status
    assert words in said + errors


def test_a_server_that_is_not_there_is_named(tools, tmp_path):
    (tmp_path / "trunkline.toml").write_text(
        '[[tools.mcp]]\nname = "gone"\ncommand = ["no-such-program"]\ntools = ["*"]\n'
    )
    status, _, errors = tools("list")
    assert status == 0
    assert "MCP server gone is not ready: there is no command no-such-program" in errors
