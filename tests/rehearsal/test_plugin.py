"""The pytest plugin as other people meet it: in a project of their own, run by pytest itself."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from gateway.errors import SettingsError
from gateway.rehearsal.plugin import Trunkline
from tools import tool

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]

TOOLS = '''
"""Tools of a shop."""

from typing import Annotated

from pydantic import Field

from tools import tool


@tool
def look_up_order(
    order_number: Annotated[str, Field(description="The order number: four digits.")],
) -> str:
    """Look up an order: where it is."""
    return f"Order {order_number} is on a ship."
'''

TESTS = """
import pytest


def test_an_order_is_looked_up(trunkline):
    conversation = trunkline.call("order.wav", tools="shop.py")
    (use,) = conversation.tool_calls
    assert use.name == "look_up_order"
    assert use.arguments == {"order_number": "4217"}
    assert use.status == "done"
    assert use.output == "Order 4217 is on a ship."
    line = conversation.transcript[0]
    assert (line.who, line.cut) == ("caller", False)
    assert "order" in line.text
    assert "on a ship" in conversation.heard_words()
    assert conversation.heard.rate == 24000
    assert conversation.heard.seconds > 2
    assert len(conversation.latencies) == 1
    assert conversation.savings.sent < conversation.savings.spoken
    assert conversation.ended == "hung up"


async def look(trunkline):
    from shop import look_up_order

    return await trunkline.acall("order.wav", tools=[look_up_order])


def test_from_async_code_and_a_failure_shows_the_conversation(trunkline):
    import asyncio

    conversation = asyncio.run(look(trunkline))
    assert conversation.tool_calls[0].name == "look_up_order"
    assert not conversation.tool_calls
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with a tool module, a recording, and tests."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    recording = ROOT / "samples" / "audio" / "commands" / "where_is_my_order.wav"
    (pytester.path / "order.wav").write_bytes(recording.read_bytes())
    pytester.makepyfile(shop=TOOLS, test_shop=TESTS)
    return pytester


def plugin() -> str:
    """Its name where it is installed; else the module."""
    installed = entry_points(group="pytest11", name="trunkline")
    return "trunkline" if installed else "gateway.rehearsal.plugin"


@pytest.mark.models
def test_it_works_in_a_project_of_its_own(project: pytest.Pytester) -> None:
    done = project.runpytest_subprocess("-p", plugin(), "-p", "no:asyncio", "-W", "error")
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines([">*assert not conversation.tool_calls"])
    done.stdout.fnmatch_lines(
        ["*-- call call_*", "*caller: Where is my order?*", "*ended: hung up*"]
    )


def test_it_is_listed_among_the_fixtures_with_what_it_does(project: pytest.Pytester) -> None:
    done = project.runpytest_subprocess("-p", plugin(), "--fixtures", "-q")
    done.stdout.fnmatch_lines(["trunkline*", "*Places calls:*"])


def test_a_project_with_a_package_of_our_name_is_told(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = ROOT / "gateway" / "rehearsal" / "plugin.py"
    (project.path / "trunkline_pytest.py").write_text(copy.read_text())  # as the wheel has it
    (project.path / "gateway").mkdir()
    (project.path / "gateway" / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(project.path))
    project.makepyfile(test_shop="def test_mine(): pass\ndef test_call(trunkline): pass\n")
    done = project.runpytest_subprocess("-p", "no:trunkline", "-p", "trunkline_pytest")
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(["*package 'gateway' at *stands in the way of Trunkline's own*"])


# ---------------------------------------------------------------- in this process


@pytest.mark.models
def test_settings_and_tools_are_those_of_the_call(trunkline: Trunkline) -> None:
    asked = []

    @tool
    def opening_hours(day: str = "") -> str:
        """Tell the opening hours of the shop."""
        asked.append(day)
        return "We open at nine."

    conversation = trunkline.call(
        trunkline.sample("commands/what_can_you_do.wav"),
        tools=opening_hours,
        instructions="You answer for a shop.",
        settings={"turns": {"hang_over_ms": 600}},
    )
    assert conversation.complete, conversation
    assert conversation.latencies[0] == pytest.approx(0.6, abs=0.06)
    assert "opening hours" in " ".join(conversation.texts("assistant"))
    assert asked == []


@pytest.mark.models
async def test_an_async_test_calls_at_the_pace_of_its_own_loop(trunkline: Trunkline) -> None:
    conversation = await trunkline.acall(trunkline.sample("commands/hello.wav"))
    assert conversation.complete, conversation
    assert conversation.texts("assistant")


@pytest.mark.models
def test_a_config_file_counts_only_where_it_is_named(trunkline: Trunkline, tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text("[turns]\nhang_over_ms = 700\n")
    conversation = trunkline.call(
        trunkline.sample("commands/hello.wav"), config=tmp_path / "shop.toml"
    )
    assert conversation.latencies[0] == pytest.approx(0.7, abs=0.06)


def test_a_misspelt_setting_is_named(trunkline: Trunkline) -> None:
    with pytest.raises(SettingsError, match=r"turns\.hangover_ms"):
        trunkline.call("order.wav", settings={"turns": {"hangover_ms": 1}})
