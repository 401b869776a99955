"""What docs/tools.md shows works: the tool runs, the figures are the code's."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from gateway.call.consent import VALID_US, WORDS_US
from gateway.call.ledger import ARGUMENTS
from gateway.call.plan import ToolPolicy
from tools import Result, Toolbox
from tools.guards import FAILURES, REST
from tools.policy import Policy
from tools.toolbox import RESULT_LIMIT, TIMEOUT

PAGE = (Path(__file__).parents[2] / "docs" / "tools.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


async def test_the_example_is_a_tool_that_books_and_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = next(text for kind, text in BLOCKS if kind == "python")
    module = ModuleType("docs_example")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(text, "docs/tools.md", "exec"), vars(module))
    toolbox = Toolbox([module.book_table])
    booked = await toolbox.run("book_table", '{"day": "2026-12-23", "seats": 4}')
    assert booked.output == ('{"day":"2026-12-23","seats":4,"message":"A table for 4, inside."}')
    full = await toolbox.run("book_table", '{"day": "2026-12-24", "seats": 4}')
    assert full == Result("We are full on that day. Another day may do.", failed=True)
    wrong = await toolbox.run("book_table", '{"day": "Friday", "seats": 40, "where": "roof"}')
    assert wrong.mend


def test_every_policy_and_its_figures_are_told() -> None:
    for name in Policy.__dataclass_fields__:
        assert f"| `{name}` |" in PAGE, name
    assert (TIMEOUT, RESULT_LIMIT, FAILURES, REST) == (20, 16 * 1024, 5, 30)
    assert (VALID_US, WORDS_US, ARGUMENTS) == (120_000_000, 4_000_000, 64 * 1024)
    policy = ToolPolicy()
    assert (policy.patience, policy.interval) == (1_000_000, 8_000_000)
    assert (policy.rounds, policy.at_once, policy.misfits) == (10, 16, 2)
