"""docs/bridges.md keeps up with the bridges that there are."""

from __future__ import annotations

import re

import pytest

from gateway.callers.dialect import Dialect
from gateway.doors import bridges
from tests.bench.bridges import BEGIN, END, PAGE, lines
from tests.callers.conformance.case import case_of

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_table_has_a_row_of_figures_for_each_bridge() -> None:
    table = TEXT.partition(BEGIN)[2].partition(END)[0]
    rows = {row.split("|")[1].strip(): row for row in table.splitlines()[2:]}
    assert list(rows) == list(bridges.NAMES), "run: python -m tests.bench.bridges"
    for row in rows.values():
        assert len(re.findall(r"\d+", row)) >= 7


@pytest.mark.parametrize("name", bridges.NAMES)
def test_each_bridge_has_a_section_and_is_a_file_of_its_own(name: str) -> None:
    headings = {line.lstrip("# ").lower() for line in TEXT.splitlines() if line.startswith("## ")}
    assert any(name.replace("_", "") in one.replace(" ", "").replace("_", "") for one in headings)
    own, _ = lines(name)
    assert own <= 350


@pytest.mark.parametrize("name", bridges.NAMES)
def test_the_calls_lead_is_longer_than_its_slices(name: str) -> None:
    dialect: Dialect = case_of(name).dialect()
    assert 0 < dialect.grain <= dialect.lead <= 2_000_000
