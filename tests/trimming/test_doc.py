"""docs/trimming.md shows the table that the bench prints, and every setting with its default."""

from __future__ import annotations

import json
from pathlib import Path

from gateway.settings.sections import Turns
from tests.bench.trimming import COLUMNS, ROWS

DOC = Path(__file__).parents[2] / "docs" / "trimming.md"


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def table(heading: str) -> list[list[str]]:
    """The rows of the table that begins with this column, without its header."""
    lines = DOC.read_text("utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    end = next(i for i in range(start, len(lines)) if not lines[i].startswith("|"))
    return [cells(line) for line in lines[start:end]]


def test_the_table_has_the_columns_and_rows_of_the_bench() -> None:
    header, _, *rows = table(COLUMNS[0])
    assert tuple(header) == COLUMNS
    assert tuple(row[0] for row in rows) == ROWS
    assert all(len(row) == len(COLUMNS) and all(row) for row in rows)


def test_every_setting_of_turns_is_explained_with_its_default() -> None:
    _, _, *rows = table("key")
    shown = {row[0].strip("`"): json.loads(row[1].strip("`")) for row in rows}
    assert shown == {name: field.default for name, field in Turns.model_fields.items()}
