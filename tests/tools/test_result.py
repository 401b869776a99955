"""What a tool gives piece by piece is told as a list, where and as far as it may be."""

from __future__ import annotations

import itertools
import sqlite3
from typing import Any

import pytest

from tools import Result, Toolbox, tool


def endless() -> Any:
    """A generator that never ends."""
    return itertools.count()


@pytest.mark.parametrize("nested", [False, True], ids=["alone", "nested"])
async def test_a_generator_that_never_ends_is_too_long(nested: bool) -> None:
    @tool
    def answer() -> Any:
        """Answer."""
        return {"rows": endless()} if nested else endless()

    result = await Toolbox([answer]).run("answer", "{}")
    assert result.output.startswith("The result is too long")


async def test_a_cursor_is_read_in_the_thread_that_it_belongs_to() -> None:
    @tool
    def rows() -> Any:
        """Read."""
        database = sqlite3.connect(":memory:")
        return database.execute("select 1 union select 2")

    assert await Toolbox([rows]).run("rows", "{}") == Result("[[1],[2]]")
